//! Just enough JSON for a header: a cursor over text known to be valid, and quoting.

/// A position in valid JSON. `None` means that the value is not of the kind asked for.
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Cursor { text: text.as_bytes(), at: 0 }
    }

    /// Where it is.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, left where it is.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Calls `field` for each key, and the byte of the text where the key is; `field`
    /// consumes the value.
    pub(super) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &str, usize) -> Option<()>,
    ) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_some() {
            return Some(());
        }
        loop {
            self.peek()?;
            let at = self.at;
            let key = self.string()?;
            self.eat(b':')?;
            field(self, &key, at)?;
            if self.eat(b',').is_none() {
                return self.eat(b'}');
            }
        }
    }

    pub(super) fn integers(&mut self) -> Option<Vec<usize>> {
        self.eat(b'[')?;
        let mut values = Vec::new();
        while self.peek()? != b']' {
            if !values.is_empty() {
                self.eat(b',')?;
                self.peek()?;
            }
            let start = self.at;
            while self.text.get(self.at)?.is_ascii_digit() {
                self.at += 1;
            }
            values.push(std::str::from_utf8(&self.text[start..self.at]).ok()?.parse().ok()?);
        }
        self.eat(b']')?;
        Some(values)
    }

    /// Passes over one value, however deep it is.
    pub(super) fn skip(&mut self) -> Option<()> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => drop(self.string()?),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                _ => {
                    while !matches!(self.text.get(self.at)?, b',' | b':' | b'}' | b']')
                        && !self.text[self.at].is_ascii_whitespace()
                    {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }

    pub(super) fn string(&mut self) -> Option<String> {
        self.eat(b'"')?;
        let mut bytes = Vec::new();
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(bytes).ok(),
                b'\\' => bytes.extend(self.escape()?.to_string().bytes()),
                _ => bytes.push(byte),
            }
        }
    }

    /// The character of an escape, after its backslash.
    fn escape(&mut self) -> Option<char> {
        let byte = *self.text.get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                if char::from_u32(first).is_some() {
                    return char::from_u32(first);
                }
                // Characters beyond 16 bits are two escapes, a surrogate pair.
                self.at += br"\u".len();
                let second = self.hex4()?;
                char::decode_utf16([first as u16, second as u16]).next()?.ok()?
            }
            other => char::from(other),
        })
    }

    fn hex4(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

/// Appends a JSON string.
pub(super) fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
}
