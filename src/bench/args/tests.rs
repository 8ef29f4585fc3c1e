use super::{values::doubling, *};
use clap::{CommandFactory as _, error::ErrorKind};

fn error(arguments: &[&str]) -> String {
    let error = Settings::parse(arguments).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    error.to_string()
}

fn error_of_kind(arguments: &[&str], kind: ErrorKind) -> String {
    let error = Settings::parse(arguments).unwrap_err();
    assert_eq!(error.kind(), kind);
    error.to_string()
}

#[test]
fn the_command_is_sound() {
    Args::command().debug_assert();
}

#[test]
fn defaults_follow_the_machine() {
    let settings = Settings::parse(&[]).unwrap();
    assert_eq!(settings.threads.first(), Some(&1));
    assert_eq!(settings.most_threads(), (2 * machine::cpus()).min(4096));
    assert!(settings.shards.len() >= 5);
    assert_eq!(settings.readers, [1]);
    assert_eq!(settings.kind, Kind::Counter);
    assert!(settings.backends.contains(&Backend::Striped));
    assert_eq!(settings.names(), ["contention.csv", "contention.svg", "contention.html"]);
}

#[test]
fn lists_are_sorted_and_each_value_stands_once() {
    let settings = Settings::parse(&["--threads", "8,1,8,2", "--shards=3,4,1"]).unwrap();
    assert_eq!(settings.threads, [1, 2, 8]);
    assert_eq!(settings.shards, [1, 4]);
    assert_eq!(settings.most_threads(), 8);
}

#[test]
fn backends_are_named_in_any_case() {
    let settings = Settings::parse(&["--backends", "striped,PERTHREAD"]).unwrap();
    assert_eq!(settings.backends, [Backend::PerThread, Backend::Striped]);
}

#[test]
fn errors_name_option_value_and_range() {
    for option in ["--threads", "--shards", "--readers"] {
        for value in ["0", "4097", "100000", "-1", "two", "", "1.5"] {
            let message = error(&[&format!("{option}=1,{value}")]);
            for part in [option, &format!("'{value}'"), "from 1 to 4096"] {
                assert!(message.contains(part), "{part} is not in: {message}");
            }
        }
    }
}

#[test]
fn other_wrong_values_are_refused() {
    assert!(error(&["--ms=0"]).contains("from 1 to 60000"));
    assert!(error(&["--repeats=0"]).contains("from 1 to 1000"));
    assert!(error(&["--threads="]).contains("from 1 to 4096"));
    assert!(error(&["--threads", "-1"]).contains("from 1 to 4096"));
    assert!(error(&["--backends=Sloppy"]).contains("PerCpu, PerThread, Striped"));
    assert!(error(&["--backends=Auto"]).contains("PerCpu, PerThread, Striped"));
    assert!(error(&["--format=xml"]).contains("table, csv, json"));
    assert!(error(&["--shards=2", "--backends=PerThread"]).contains("Striped"));
}

#[test]
fn types_are_named_in_any_case() {
    assert_eq!(Settings::parse(&["--type=upDownCounter"]).unwrap().kind, Kind::UpDownCounter);
    let set = Settings::parse(&["--type", "CounterSet", "--counters=9,1,9"]).unwrap();
    assert_eq!((set.kind, &set.counters[..]), (Kind::CounterSet, &[1, 9][..]));
    assert!(error(&["--type=Gauge"]).contains("Counter, UpDownCounter, CounterSet, Histogram"));
}

#[test]
fn numbers_of_counters_have_a_range_of_their_own() {
    for value in ["0", "100001", "-1", "many", ""] {
        let message = error(&["--type=CounterSet", &format!("--counters={value}")]);
        assert!(
            message.contains("--counters") && message.contains("from 1 to 100000"),
            "{message}"
        );
    }
}

#[test]
fn what_does_not_apply_to_the_type_is_refused() {
    let refused = |arguments: &[&str], option| {
        let message = error(arguments);
        let expected = format!("'{option}' does not apply to '--type ");
        assert!(message.contains(&expected), "{message}");
    };
    refused(&["--counters=5"], "--counters");
    refused(&["--type=UpDownCounter", "--counters=5"], "--counters");
    refused(&["--type=CounterSet", "--shards=2"], "--shards");
    refused(&["--type=CounterSet", "--readers=1"], "--readers");
    refused(&["--type=CounterSet", "--forecast=64"], "--forecast");
    refused(&["--type=Histogram", "--counters=5"], "--counters");
    refused(&["--type=Histogram", "--readers=1"], "--readers");
    refused(&["--type=Histogram", "--forecast=64"], "--forecast");
    assert_eq!(Settings::parse(&["--type=Histogram"]).unwrap().shards, [1, 8, 64]);
}

#[test]
fn a_forecast_needs_what_it_is_made_from() {
    let args = |arguments: &[&str]| Args::try_parse_from([&["contention"], arguments].concat());
    let made = |arguments: &[&str], threads: &[usize]| {
        let request = args(arguments).unwrap().forecast(threads, 4);
        request.map(Option::unwrap).map_err(|error| error.to_string())
    };
    // With one CPU no number of threads would help.
    let message = args(&["--forecast=64"]).unwrap().forecast(&[1, 2], 1).unwrap_err().to_string();
    assert!(message.contains("--transfer-ns") && !message.contains("from 2 to 1"), "{message}");
    let request = made(&["--forecast=128"], &[1, 4, 8]).unwrap();
    assert_eq!((request.cpus, request.local, request.transfer), (128, None, None));
    assert!(made(&["--forecast=128"], &[2]).unwrap_err().contains("needs 1 among '--threads"));
    // Eight threads on four CPUs take turns.
    let message = made(&["--forecast=128"], &[1, 8]).unwrap_err();
    assert!(message.contains("from 2 to 4") && message.contains("--transfer-ns"), "{message}");
    let given = ["--forecast=128", "--transfer-ns=12.5", "--local-ns=2"];
    let request = made(&given, &[1, 8]).unwrap();
    assert_eq!((request.local, request.transfer), (Some(2.0), Some(12.5)));

    for value in ["1", "0", "4097", "many"] {
        let message = error(&[&format!("--forecast={value}")]);
        assert!(message.contains("--forecast") && message.contains("from 2 to 4096"), "{message}");
    }
    for value in ["0", "-1", "NaN", "inf", "fast"] {
        let message = error(&["--forecast=8", &format!("--local-ns={value}")]);
        assert!(
            message.contains("--local-ns") && message.contains("from 0.01 to 10000"),
            "{message}"
        );
    }
    assert!(error(&["--transfer-ns=5"]).contains("--forecast"));
}

#[test]
fn doubling_ends_with_the_last() {
    assert_eq!(doubling(1), [1]);
    assert_eq!(doubling(8), [1, 2, 4, 8]);
    assert_eq!(doubling(12), [1, 2, 4, 8, 12]);
    assert_eq!(doubling(100_000).last(), Some(&4096));
}

#[test]
fn the_window_fits_the_budget() {
    let settings = Settings::parse(&[]).unwrap();
    let fine = Duration::from_nanos(1);
    assert_eq!(settings.window(48, fine), Duration::from_millis(200));
    assert_eq!(settings.window(1, fine), Duration::from_millis(250));
    assert_eq!(settings.window(100_000, fine), Duration::from_millis(20));
    let settings = Settings::parse(&["--ms=7"]).unwrap();
    assert_eq!(settings.window(48, fine), Duration::from_millis(7));
    // With a clock that ticks every 10 ms, one tick is some percent.
    assert_eq!(settings.window(48, Duration::from_millis(10)), Duration::from_millis(250));
}

#[test]
fn help_fits_a_terminal() {
    for option in ["-h", "--help"] {
        let help = error_of_kind(&[option], ErrorKind::DisplayHelp);
        let wide: Vec<_> = help.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty() && help.contains("--keep"), "{wide:#?}");
    }
}

#[test]
fn what_is_written_can_be_nothing() {
    let names = |arguments: &[&str]| Settings::parse(arguments).unwrap().names();
    assert_eq!(names(&["--no-plot"]), ["contention.csv"]);
    assert!(names(&["--no-plot", "--format=csv"]).is_empty());
    assert!(names(&["--no-plot", "--format=json"]).is_empty());
    assert_eq!(names(&["--format=csv", "--type=CounterSet"]).len(), 3);
}

#[test]
fn subjects_of_ones_own_are_counters() {
    let args = Args::try_parse_from(["contention", "--type=CounterSet"]).unwrap();
    let error = Settings::new(args, vec!["mine"]).unwrap_err().to_string();
    assert!(
        error.contains("'--type CounterSet' does not apply to subjects of your own"),
        "{error}"
    );
}
