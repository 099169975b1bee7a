//! Binary contents in patches: compressed, in lines of 85 printable characters; and instructions that build a content
//! from another.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::MAX_CONTENT;

/// The digits.
const ALPHABET: &[u8; 85] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// What each byte is as a digit; 255 for what is none.
const VALUES: [u8; 256] = {
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Most bytes in a line.
const LINE: usize = 52;

/// Adds `literal`, its length, and the content.
pub(super) fn write_literal(out: &mut Vec<u8>, content: &[u8]) {
    out.extend_from_slice(format!("literal {}\n", content.len()).as_bytes());
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(content);
    let packed = encoder.finish().unwrap_or_default();
    for line in packed.chunks(LINE) {
        let count = line.len() as u8;
        out.push(if count <= 26 { b'A' + count - 1 } else { b'a' + count - 27 });
        for group in line.chunks(4) {
            let mut bytes = [0; 4];
            bytes[..group.len()].copy_from_slice(group);
            let mut value = u32::from_be_bytes(bytes);
            let mut digits = [0; 5];
            for digit in digits.iter_mut().rev() {
                *digit = ALPHABET[(value % 85) as usize];
                value /= 85;
            }
            out.extend_from_slice(&digits);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// Adds the bytes of one line, without its end.
pub(super) fn decode_line(line: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let damaged = "a line of binary data is damaged";
    let (first, digits) = line.split_first().ok_or(damaged)?;
    let count = match first {
        b'A'..=b'Z' => first - b'A' + 1,
        b'a'..=b'z' => first - b'a' + 27,
        _ => return Err(damaged),
    };
    let mut count = usize::from(count);
    if digits.len() != count.div_ceil(4) * 5 {
        return Err(damaged);
    }
    for group in digits.chunks(5) {
        let mut value = 0_u64;
        for digit in group {
            let digit = VALUES[usize::from(*digit)];
            if digit == u8::MAX {
                return Err(damaged);
            }
            value = value * 85 + u64::from(digit);
        }
        let bytes = u32::try_from(value).map_err(|_| damaged)?.to_be_bytes();
        let taken = count.min(4);
        out.extend_from_slice(&bytes[..taken]);
        count -= taken;
    }
    Ok(())
}

/// Unpacks data that must have this length.
pub(super) fn inflate(packed: &[u8], size: u64) -> Result<Vec<u8>, &'static str> {
    if size > MAX_CONTENT {
        return Err("binary data is longer than 1 GiB");
    }
    let mut content = Vec::new();
    let read = ZlibDecoder::new(packed).take(size + 1).read_to_end(&mut content);
    match read {
        Ok(read) if read as u64 == size => Ok(content),
        _ => Err("binary data is damaged"),
    }
}

/// Follows instructions: copies from `base`, and new bytes.
pub(super) fn apply_delta(base: &[u8], delta: &[u8]) -> Result<Vec<u8>, &'static str> {
    let damaged = "binary instructions are damaged";
    let mut rest = delta;
    let mut next = || -> Result<u8, &'static str> {
        let (first, tail) = rest.split_first().ok_or(damaged)?;
        rest = tail;
        Ok(*first)
    };
    let mut number = || -> Result<u64, &'static str> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = next()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).ok_or(damaged)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    };
    let (from, to) = (number()?, number()?);
    if from != base.len() as u64 {
        return Err("the content before has another length");
    }
    if to > MAX_CONTENT {
        return Err("binary data is longer than 1 GiB");
    }
    let mut out = Vec::new();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let mut next = || -> Result<usize, &'static str> {
            let (first, tail) = rest.split_first().ok_or(damaged)?;
            rest = tail;
            Ok(usize::from(*first))
        };
        if first & 0x80 == 0 {
            let count = usize::from(*first);
            if count == 0 || count > rest.len() {
                return Err(damaged);
            }
            out.extend_from_slice(&rest[..count]);
            rest = &rest[count..];
        } else {
            let (mut offset, mut count) = (0, 0);
            for bit in 0..4 {
                if first & (1 << bit) != 0 {
                    offset |= next()? << (8 * bit);
                }
            }
            for bit in 0..3 {
                if first & (0x10 << bit) != 0 {
                    count |= next()? << (8 * bit);
                }
            }
            let count = if count == 0 { 0x10000 } else { count };
            out.extend_from_slice(base.get(offset..offset + count).ok_or(damaged)?);
        }
        if out.len() as u64 > to {
            return Err(damaged);
        }
    }
    if out.len() as u64 == to { Ok(out) } else { Err(damaged) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn there_and_back(content in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut text = Vec::new();
            write_literal(&mut text, &content);
            let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            let mut packed = Vec::new();
            for line in lines[1..].iter().take_while(|line| !line.is_empty()) {
                decode_line(line, &mut packed).unwrap();
            }
            prop_assert_eq!(inflate(&packed, content.len() as u64).unwrap(), content);
        }

        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode_line(&bytes, &mut Vec::new());
            let _ = inflate(&bytes, 10);
            let _ = apply_delta(b"some base", &bytes);
        }
    }

    #[test]
    fn instructions() {
        // From 9 bytes to 8: 4 copied from 5, then 4 new ones.
        let delta = [9, 8, 0x80 | 0x01 | 0x10, 5, 4, 4, b'-', b'n', b'e', b'w'];
        assert_eq!(apply_delta(b"some base", &delta).unwrap(), b"base-new");
        assert!(apply_delta(b"other", &delta).is_err());
    }
}
