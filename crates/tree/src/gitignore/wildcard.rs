//! Wildcards as git understands them: `?`, `*`, `**`, sets with ranges and classes, and backslashes. Braces mean nothing.
//!
//! Texts are bytes: `?` is one byte, and classes are those of ASCII.

/// A pattern with wildcards.
#[derive(Clone, Debug)]
pub(super) struct Wildcard(Box<[Token]>);

#[derive(Clone, Debug)]
enum Token {
    /// This byte.
    Byte(u8),
    /// A byte of a set.
    Set(Box<Set>),
    /// Any number of bytes that are no slash.
    Name,
    /// Any number of bytes.
    All,
    /// The two tokens that follow (`All` and a slash) may be left out: no directory is between.
    Optional,
}

/// Tokens that a match keeps on the stack.
const FEW: usize = 64;

impl Wildcard {
    /// Reads a pattern. `None` if it can never match: its set has no end or an unknown class, or it ends with a backslash.
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            at += 1;
            match byte {
                b'\\' => {
                    tokens.push(Token::Byte(*text.get(at)?));
                    at += 1;
                }
                b'?' => tokens.push(Token::Set(Box::new(Set::any()))),
                b'[' => {
                    let (set, length) = Set::read(&text[at..])?;
                    tokens.push(Token::Set(Box::new(set)));
                    at += length;
                }
                b'*' => {
                    let first = at - 1;
                    at += text[at..].iter().take_while(|byte| **byte == b'*').count();
                    let rest = &text[at..];
                    let alone = (first == 0 || text[first - 1] == b'/')
                        && (rest.is_empty() || rest.starts_with(b"/") || rest.starts_with(b"\\/"));
                    if at - first < 2 || !alone {
                        tokens.push(Token::Name);
                        continue;
                    }
                    if rest.starts_with(b"/") {
                        tokens.push(Token::Optional);
                    }
                    tokens.push(Token::All);
                }
                byte => tokens.push(Token::Byte(*byte)),
            }
        }
        Some(Self(tokens.into()))
    }

    /// Whether all of `text` fits. The time is at most tokens times bytes, whatever the pattern is.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        match (self.0.last(), text.last()) {
            (None, last) => return last.is_none(),
            // A slash at the end may be one that `**/` does without.
            (Some(Token::Byte(wanted)), last) if *wanted != b'/' && last != Some(wanted) => return false,
            _ => {}
        }
        let places = self.0.len() + 1;
        if places <= FEW {
            self.run(text, &mut [false; FEW][..places], &mut [false; FEW][..places])
        } else {
            self.run(text, &mut vec![false; places], &mut vec![false; places])
        }
    }

    /// Follows all ways through the pattern at once; `now` says before which tokens they are.
    fn run<'a>(&self, text: &[u8], mut now: &'a mut [bool], mut next: &'a mut [bool]) -> bool {
        self.enter(now, 0);
        for byte in text {
            next.fill(false);
            let mut alive = false;
            for (at, token) in self.0.iter().enumerate().filter(|(at, _)| now[*at]) {
                let to = match token {
                    Token::Byte(wanted) if wanted == byte => at + 1,
                    Token::Set(set) if set.has(*byte) => at + 1,
                    Token::Name if *byte != b'/' => at,
                    Token::All => at,
                    _ => continue,
                };
                self.enter(next, to);
                alive = true;
            }
            if !alive {
                return false;
            }
            std::mem::swap(&mut now, &mut next);
        }
        now[self.0.len()]
    }

    /// Goes to a token, and to those that are reached from there without a byte.
    fn enter(&self, places: &mut [bool], mut at: usize) {
        while !places[at] {
            places[at] = true;
            match self.0.get(at) {
                Some(Token::Name | Token::All) => {}
                Some(Token::Optional) => self.enter(places, at + 3),
                _ => return,
            }
            at += 1;
        }
    }
}

/// Whether a byte has a meaning in patterns.
pub(super) const fn is_special(byte: u8) -> bool {
    matches!(byte, b'*' | b'?' | b'[' | b'\\')
}

/// Bytes, one bit each. A slash is in none.
#[derive(Clone, Default, Debug)]
struct Set([u64; 4]);

impl Set {
    fn any() -> Self {
        Self([u64::MAX; 4]).without_slash()
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    const fn has(&self, byte: u8) -> bool {
        self.0[(byte >> 6) as usize] >> (byte & 63) & 1 == 1
    }

    fn without_slash(mut self) -> Self {
        self.0[usize::from(b'/' >> 6)] &= !(1 << (b'/' & 63));
        self
    }

    /// Reads what follows a `[`. Gives the set and the length of its text with the `]`; `None` if it has no end, or a
    /// class that is not known.
    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let mut set = Self::default();
        let negated = matches!(text.first(), Some(b'!' | b'^'));
        let first = usize::from(negated);
        let mut at = first;
        // The byte at which a range may start.
        let mut low = None;
        loop {
            let byte = *text.get(at)?;
            match byte {
                b']' if at > first => break,
                b'-' if low.is_some() && !matches!(text.get(at + 1), None | Some(b']')) => {
                    let (high, length) = literal(&text[at + 1..])?;
                    for byte in low.into_iter().flat_map(|low| low..=high) {
                        set.add(byte);
                    }
                    low = None;
                    at += 1 + length;
                }
                b'[' if text.get(at + 1) == Some(&b':') => {
                    let inside = &text[at + 2..];
                    let end = inside.iter().position(|byte| *byte == b']')?;
                    if let Some(name) = inside[..end].strip_suffix(b":") {
                        let class = class(name)?;
                        (0..=u8::MAX).filter(class).for_each(|byte| set.add(byte));
                        low = None;
                        at += end + 3;
                    } else {
                        set.add(b'[');
                        low = Some(b'[');
                        at += 1;
                    }
                }
                _ => {
                    let (byte, length) = literal(&text[at..])?;
                    set.add(byte);
                    low = Some(byte);
                    at += length;
                }
            }
        }
        if negated {
            set.0 = set.0.map(|bits| !bits);
        }
        Some((set.without_slash(), at + 1))
    }
}

/// A byte, which a backslash may stand before, and the length of that.
fn literal(text: &[u8]) -> Option<(u8, usize)> {
    match text.first()? {
        b'\\' => Some((*text.get(1)?, 2)),
        byte => Some((*byte, 1)),
    }
}

/// The bytes of a class. White space is what git takes for it: without form feed and vertical tab.
fn class(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => u8::is_ascii_punctuation,
        b"space" => |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'),
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    })
}
