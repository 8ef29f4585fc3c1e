//! Text assembled in a `const fn`, where nothing can be formatted.

/// Longer than any message built here.
const CAPACITY: usize = 160;

/// A line of text.
pub(crate) struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }
    }

    /// Returns a message that `n` is out of range for `setting`.
    pub(crate) const fn out_of_range(setting: &str, n: u64, from: u64, to: u64) -> Self {
        let wrong = Self::new().text(setting).text(": ").number(n);
        wrong.text(" is out of range, from ").number(from).text(" to ").number(to)
    }

    pub(crate) const fn text(mut self, text: &str) -> Self {
        let mut index = 0;
        while index < text.len() {
            self = self.byte(text.as_bytes()[index]);
            index += 1;
        }
        self
    }

    pub(crate) const fn number(self, n: u64) -> Self {
        let higher = if n < 10 { self } else { self.number(n / 10) };
        higher.byte(b"0123456789"[(n % 10) as usize])
    }

    const fn byte(mut self, byte: u8) -> Self {
        self.bytes[self.len] = byte;
        self.len += 1;
        self
    }

    pub(crate) const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => unreachable!(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn texts_and_numbers_are_strung_together() {
        const TEXT: Text = Text::new().text("from ").number(0).text(" to ").number(4096);
        assert_eq!(TEXT.as_str(), "from 0 to 4096");
        for n in [9, 10, 99, 100, 1_234_567_890, u64::MAX] {
            assert_eq!(Text::new().number(n).as_str(), n.to_string());
        }
        assert_eq!(Text::new().text("é").as_str(), "é");
        assert_eq!(Text::new().as_str(), "");
    }
}
