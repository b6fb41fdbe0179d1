//! The header of a `.npy` file: a Python dict literal with three known keys.

/// What the dict holds, not yet judged.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dict {
    pub(super) descr: String,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<i128>,
}

/// What is wrong, and where in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) problem: String,
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, keys in any order.
pub(super) fn parse(text: &str) -> Result<Dict, Flaw> {
    let mut cursor = Cursor { text: text.as_bytes(), at: 0 };
    cursor.expect(b'{')?;
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    while cursor.peek() != Some(b'}') {
        let at = cursor.at;
        let key = cursor.string()?;
        cursor.expect(b':')?;
        let twice = match key.as_str() {
            "descr" => descr.replace(cursor.descr()?).is_some(),
            "fortran_order" => fortran_order.replace(cursor.boolean()?).is_some(),
            "shape" => shape.replace(cursor.tuple()?).is_some(),
            _ => return Err(Flaw { at, problem: format!("unknown key '{key}'") }),
        };
        if twice {
            return Err(Flaw { at, problem: format!("key '{key}' is there twice") });
        }
        if cursor.peek() != Some(b'}') {
            cursor.expect(b',')?;
        }
    }
    cursor.expect(b'}')?;
    if cursor.peek().is_some() {
        return Err(cursor.flaw("something follows the dict"));
    }
    let missing = |key| Flaw { at: 0, problem: format!("key '{key}' is missing") };
    Ok(Dict {
        descr: descr.ok_or_else(|| missing("descr"))?,
        fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
        shape: shape.ok_or_else(|| missing("shape"))?,
    })
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn flaw(&self, problem: impl Into<String>) -> Flaw {
        Flaw { at: self.at, problem: problem.into() }
    }

    /// The next byte that is not white space, left where it is.
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), Flaw> {
        if self.peek() != Some(byte) {
            return Err(self.flaw(format!("expected '{}'", char::from(byte))));
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<String, Flaw> {
        let quote = match self.peek() {
            Some(quote @ (b'\'' | b'"')) => quote,
            _ => return Err(self.flaw("expected a string")),
        };
        let rest = &self.text[self.at + 1..];
        let length = rest.iter().position(|&b| b == quote || b == b'\\' || b == b'\n');
        match length {
            Some(length) if rest[length] == quote => {
                self.at += length + 2;
                Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
            }
            _ => Err(self.flaw("a string does not end")),
        }
    }

    /// The element type's name. A list describes a record of several fields.
    fn descr(&mut self) -> Result<String, Flaw> {
        match self.peek() {
            Some(b'[') => Err(self.flaw("'descr' is a record type; only plain numbers are read")),
            Some(b'\'' | b'"') => self.string(),
            _ => Err(self.flaw("'descr' is not a string")),
        }
    }

    fn boolean(&mut self) -> Result<bool, Flaw> {
        self.peek();
        let rest = &self.text[self.at..];
        let length = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let value = match &rest[..length] {
            b"True" => true,
            b"False" => false,
            _ => return Err(self.flaw("'fortran_order' is neither True nor False")),
        };
        self.at += length;
        Ok(value)
    }

    fn tuple(&mut self) -> Result<Vec<i128>, Flaw> {
        if self.peek() != Some(b'(') {
            return Err(self.flaw("'shape' is not a tuple"));
        }
        let start = self.at;
        self.at += 1;
        let (mut sizes, mut commas) = (Vec::new(), 0);
        while self.peek() != Some(b')') {
            sizes.push(self.integer()?);
            if self.peek() != Some(b')') {
                self.expect(b',')?;
                commas += 1;
            }
        }
        self.at += 1;
        // In Python, (3) is the number 3.
        if sizes.len() == 1 && commas == 0 {
            return Err(Flaw { at: start, problem: "'shape' is not a tuple".into() });
        }
        Ok(sizes)
    }

    fn integer(&mut self) -> Result<i128, Flaw> {
        self.peek();
        let rest = &self.text[self.at..];
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..].iter().take_while(|b| b.is_ascii_digit()).count();
        let word = rest[sign..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'.');
        // Python 2 wrote long integers with an L.
        let old_long = rest.get(sign + digits) == Some(&b'L');
        let whole = word.count() == digits + usize::from(old_long);
        let text = String::from_utf8_lossy(&rest[..sign + digits]);
        let Some(value) = text.parse().ok().filter(|_| whole) else {
            return Err(self.flaw("a size in 'shape' is not an integer"));
        };
        self.at += sign + digits + usize::from(old_long);
        Ok(value)
    }
}
