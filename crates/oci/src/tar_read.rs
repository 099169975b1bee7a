//! Reads tar archives entry by entry: ustar, GNU (long names) and PAX (all records, with binary values).
//!
//! The `tar` crate decodes the 512-byte headers. Its archive reader is not used, since it splits PAX records at line
//! breaks, which a binary attribute such as `security.capability` may hold.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use kukri_tree::Meta;
use tar::{EntryType, Header};

const BLOCK: usize = 512;
/// Names and attributes are short; an archive that says otherwise is hostile.
const MAX_EXTENSION: u64 = 4 << 20;
/// Where numbers lie in a header.
const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const XATTR: &[u8] = b"SCHILY.xattr.";

/// Attributes that mean something to the overlay in which a layer is mounted: they describe the disk it was written on, and
/// are left out, as they are when the files of a command are read.
const OVERLAY: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// What an entry is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Its content follows: so many bytes.
    File(u64),
    Dir,
    Symlink(Vec<u8>),
    Hardlink(Vec<u8>),
    Device {
        block: bool,
        major: u32,
        minor: u32,
    },
    Fifo,
}

/// One entry. Its path is as in the archive, but without `./` before and `/` after it; the root is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TarEntry {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) meta: Meta,
}

/// An entry that cannot be read: its path, and why.
#[derive(Debug)]
pub(crate) struct BadEntry {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum TarError {
    /// The archive is cut off or is no archive, or the reader failed.
    Io(io::Error),
    Entry(BadEntry),
}

impl From<io::Error> for TarError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads one archive.
pub(crate) struct TarReader<R> {
    input: R,
    /// Content of the present entry that is not read yet, and the padding after it.
    left: u64,
    padding: u64,
    offset: u64,
}

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

impl<R: Read> TarReader<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, left: 0, padding: 0, offset: 0 }
    }

    /// Where the next byte is read, counted from where this reader began.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The content of the entry that was read last.
    pub(crate) fn content(&mut self) -> Content<'_, R> {
        Content(self)
    }

    /// The next entry; `None` at the end of the archive. What is left of the last entry's content is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<TarEntry>, TarError> {
        let mut records = Records::new();
        let (mut long_name, mut long_link) = (None, None);
        loop {
            self.skip()?;
            let Some(header) = self.header()? else { return Ok(None) };
            let size = number_at(&header, SIZE, header.entry_size())?;
            match header.entry_type() {
                EntryType::GNULongName => long_name = Some(c_string(self.extension(size)?)),
                EntryType::GNULongLink => long_link = Some(c_string(self.extension(size)?)),
                EntryType::XHeader => parse_records(&self.extension(size)?, &mut records)?,
                // Holds for all entries that follow; in layers it is only a comment that git wrote.
                EntryType::XGlobalHeader => drop(self.extension(size)?),
                _ => return self.entry(&header, size, &mut records, long_name, long_link).map(Some),
            }
        }
    }

    fn header(&mut self) -> Result<Option<Header>, TarError> {
        let mut header = Header::new_old();
        let mut filled = 0;
        let block = header.as_mut_bytes();
        while filled < BLOCK {
            match self.input.read(&mut block[filled..]) {
                // Some writers leave out the two empty blocks at the end.
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(cut_off().into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.offset += BLOCK as u64;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let sum = |range: &[u8]| range.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        // The field of the checksum itself counts as spaces.
        let actual = sum(&block[..148]) + sum(&block[156..]) + 8 * u32::from(b' ');
        if header.cksum().ok() != Some(actual) {
            return Err(io::Error::new(
                ErrorKind::InvalidData,
                "a header has a wrong checksum: not a tar archive, or damaged",
            )
            .into());
        }
        Ok(Some(header))
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > MAX_EXTENSION {
            let text = format!("an extended header of {size} bytes; at most {MAX_EXTENSION} are read");
            return Err(io::Error::new(ErrorKind::InvalidData, text).into());
        }
        self.begin(size);
        let mut bytes = Vec::with_capacity(size as usize);
        self.content().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    const fn begin(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
    }

    fn skip(&mut self) -> io::Result<()> {
        let count = self.left + self.padding;
        (self.left, self.padding) = (0, 0);
        self.offset += count;
        let skipped = io::copy(&mut (&mut self.input).take(count), &mut io::sink())?;
        if skipped == count { Ok(()) } else { Err(cut_off()) }
    }

    fn entry(
        &mut self,
        header: &Header,
        size: u64,
        records: &mut Records,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<TarEntry, TarError> {
        let raw_path =
            records.remove(&b"path"[..]).or(long_name).unwrap_or_else(|| header.path_bytes().into_owned());
        let bad = |reason: &str| {
            TarError::Entry(BadEntry {
                path: String::from_utf8_lossy(&raw_path).into_owned(),
                reason: reason.to_owned(),
            })
        };
        if raw_path.contains(&0) {
            return Err(bad("its name holds a NUL"));
        }
        if records.keys().any(|key| key.starts_with(b"GNU.sparse."))
            || header.entry_type() == EntryType::GNUSparse
        {
            return Err(bad("sparse files are not supported in layers; write the archive without --sparse"));
        }
        let number = |key: &[u8], value: io::Result<u64>| -> Result<u64, TarError> {
            match records.get(key) {
                Some(text) => {
                    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| {
                        bad(&format!("its PAX record {:?} is not a number", String::from_utf8_lossy(key)))
                    })
                }
                None => value.map_err(|error| bad(&error.to_string())),
            }
        };
        let size = number(b"size", Ok(size))?;
        let small = |value: u64, what: &str| {
            u32::try_from(value).map_err(|_| bad(&format!("its {what} is too large")))
        };
        let uid = small(number(b"uid", number_at(header, UID, header.uid()))?, "owner")?;
        let gid = small(number(b"gid", number_at(header, GID, header.gid()))?, "group")?;
        let mtime_ns = match records.get(&b"mtime"[..]) {
            Some(text) => parse_time(text).ok_or_else(|| bad("its PAX record \"mtime\" is not a time"))?,
            // Negative times come as the two's complement.
            None => (header.mtime().unwrap_or(0) as i64).saturating_mul(1_000_000_000),
        };
        let mode = number_at(header, MODE, header.mode()).map_err(|error| bad(&error.to_string()))? & 0o7777;
        let xattrs = records
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(XATTR)?, value.as_slice())))
            .filter(|(name, _)| !OVERLAY.iter().any(|prefix| name.starts_with(prefix)))
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let mut meta = Meta { mode, uid, gid, mtime_ns, xattrs };
        let link = || {
            let link = records.get(&b"linkpath"[..]).cloned().or(long_link);
            link.or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned)).unwrap_or_default()
        };
        let device = |block| -> Result<Kind, TarError> {
            let major = header.device_major().map_err(|error| bad(&error.to_string()))?.unwrap_or(0);
            let minor = header.device_minor().map_err(|error| bad(&error.to_string()))?.unwrap_or(0);
            Ok(Kind::Device { block, major, minor })
        };
        let kind = match header.entry_type() {
            // Before ustar, a directory was a file with a slash at its end.
            EntryType::Regular if raw_path.ends_with(b"/") && size == 0 => Kind::Dir,
            EntryType::Regular | EntryType::Continuous => Kind::File(size),
            EntryType::Directory => Kind::Dir,
            EntryType::Symlink => Kind::Symlink(link()),
            EntryType::Link => Kind::Hardlink(link()),
            EntryType::Char => device(false)?,
            EntryType::Block => device(true)?,
            EntryType::Fifo => Kind::Fifo,
            other => {
                return Err(bad(&format!(
                    "entries of type {:?} are not supported",
                    char::from(other.as_byte())
                )));
            }
        };
        if matches!(kind, Kind::Symlink(_)) {
            meta.mode = 0o777;
        }
        // Some writers announce the size of a hard link's target, but no content follows.
        self.begin(if matches!(kind, Kind::File(_)) { size } else { 0 });
        Ok(TarEntry { path: tidy(&raw_path).to_vec(), kind, meta })
    }
}

/// The content of an entry.
pub(crate) struct Content<'a, R>(&'a mut TarReader<R>);

impl<R: Read> Read for Content<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.0.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.0.input.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(cut_off());
        }
        self.0.left -= count as u64;
        self.0.offset += count as u64;
        Ok(count)
    }
}

/// A number of the header; an empty field is 0, as other tools have it.
fn number_at<T: Default>(header: &Header, field: Range<usize>, value: io::Result<T>) -> io::Result<T> {
    let is_empty = header.as_bytes()[field].iter().all(|&byte| matches!(byte, 0 | b' '));
    if is_empty { Ok(T::default()) } else { value }
}

fn cut_off() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the archive is cut off")
}

fn c_string(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
        bytes.truncate(end);
    }
    bytes
}

/// Without `./` (any number of them) and `/` before it and `/` after it.
fn tidy(mut path: &[u8]) -> &[u8] {
    loop {
        path = match path {
            [b'.', b'/', rest @ ..] | [b'/', rest @ ..] => rest,
            [rest @ .., b'/'] => rest,
            b"." => b"",
            _ => return path,
        };
    }
}

/// `<length> <key>=<value>\n`, where the length counts the whole record.
fn parse_records(mut bytes: &[u8], records: &mut Records) -> io::Result<()> {
    let bad = || io::Error::new(ErrorKind::InvalidData, "a PAX header is damaged");
    while !bytes.is_empty() {
        let space = bytes.iter().position(|&byte| byte == b' ').ok_or_else(bad)?;
        let length = std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse::<usize>().ok());
        let length = length.filter(|&length| length > space + 1 && length <= bytes.len()).ok_or_else(bad)?;
        let (record, rest) = bytes.split_at(length);
        let record = record[space + 1..].strip_suffix(b"\n").ok_or_else(bad)?;
        let equals = record.iter().position(|&byte| byte == b'=').ok_or_else(bad)?;
        records.insert(record[..equals].to_vec(), record[equals + 1..].to_vec());
        bytes = rest;
    }
    Ok(())
}

/// Seconds since 1970 with an optional fraction, as nanoseconds.
fn parse_time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, negative) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
    let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit())
        || !seconds.bytes().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let nanos: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let total = seconds.parse::<i64>().ok()?.saturating_mul(1_000_000_000).saturating_add(nanos);
    Some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(bytes: &[u8]) -> Result<Vec<(TarEntry, Vec<u8>)>, TarError> {
        let mut reader = TarReader::new(bytes);
        let mut entries = Vec::new();
        while let Some(entry) = reader.next()? {
            let mut content = Vec::new();
            reader.content().read_to_end(&mut content)?;
            entries.push((entry, content));
        }
        Ok(entries)
    }

    fn header(kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o100_644);
        header.set_uid(1);
        header.set_gid(2);
        header.set_mtime(3);
        header.set_size(size);
        header
    }

    #[test]
    fn long_names_pax_records_and_all_kinds() {
        let long = format!("{}/file", "d".repeat(200));
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header(EntryType::Directory, 0), "./", &[][..]).unwrap();
        builder.append_data(&mut header(EntryType::Regular, 3), &long, &b"abc"[..]).unwrap();
        builder.append_link(&mut header(EntryType::Symlink, 0), "s", &long).unwrap();
        builder.append_link(&mut header(EntryType::Link, 0), "h", &long).unwrap();
        let records: [(&str, &[u8]); 7] = [
            ("SCHILY.xattr.security.capability", b"\x01\n\x00="),
            ("SCHILY.xattr.a", b""),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
            ("mtime", b"1.5"),
            ("uid", b"70000"),
            ("path", b"p\xff"),
        ];
        builder.append_pax_extensions(records).unwrap();
        builder.append_data(&mut header(EntryType::Regular, 1), "x", &b"y"[..]).unwrap();
        let mut device = header(EntryType::Block, 0);
        device.set_device_major(8).unwrap();
        device.set_device_minor(300).unwrap();
        builder.append_data(&mut device, "dev/", &[][..]).unwrap();
        let mut absolute = header(EntryType::Fifo, 0);
        absolute.set_path_absolute("/abs").unwrap();
        absolute.set_cksum();
        builder.append(&absolute, &[][..]).unwrap();
        let entries = read_all(&builder.into_inner().unwrap()).unwrap();

        let plain = Meta { uid: 1, gid: 2, mtime_ns: 3_000_000_000, ..Meta::new(0o644) };
        let found: Vec<_> =
            entries.iter().map(|(entry, content)| (&entry.path[..], &entry.kind, &content[..])).collect();
        assert_eq!(found[0], (&b""[..], &Kind::Dir, &b""[..]));
        assert_eq!(found[1], (long.as_bytes(), &Kind::File(3), &b"abc"[..]));
        assert_eq!(found[2], (&b"s"[..], &Kind::Symlink(long.clone().into_bytes()), &b""[..]));
        assert_eq!(found[3], (&b"h"[..], &Kind::Hardlink(long.into_bytes()), &b""[..]));
        assert_eq!(found[4], (&b"p\xff"[..], &Kind::File(1), &b"y"[..]));
        assert_eq!(found[5], (&b"dev"[..], &Kind::Device { block: true, major: 8, minor: 300 }, &b""[..]));
        assert_eq!(found[6], (&b"abs"[..], &Kind::Fifo, &b""[..]));
        assert_eq!(entries[1].0.meta, plain);
        assert_eq!(entries[2].0.meta.mode, 0o777);
        let meta = &entries[4].0.meta;
        assert_eq!((meta.uid, meta.mtime_ns), (70_000, 1_500_000_000));
        let xattrs: Vec<(&[u8], &[u8])> =
            meta.xattrs.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(xattrs, [(&b"a"[..], &b""[..]), (b"security.capability", b"\x01\n\x00=")]);
    }

    #[test]
    fn damage_is_noticed() {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header(EntryType::Regular, 600), "x", &[1; 600][..]).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert!(read_all(&bytes).is_ok());
        for cut in [1, 511, 513, 1000, 1111, 1535] {
            assert!(read_all(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(read_all(&bytes[..1536]).is_ok(), "the end marker may be missing");
        let mut changed = bytes;
        changed[0] ^= 1;
        assert!(matches!(read_all(&changed), Err(TarError::Io(_))));
    }

    #[test]
    fn sparse_files_are_refused() {
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_pax_extensions([("GNU.sparse.major", &b"1"[..])]).unwrap();
        builder.append_data(&mut header(EntryType::Regular, 0), "x", &[][..]).unwrap();
        let error = read_all(&builder.into_inner().unwrap()).unwrap_err();
        assert!(matches!(error, TarError::Entry(BadEntry { path, .. }) if path == "x"));
    }

    #[test]
    fn times() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1.000000001", Some(1_000_000_001)),
            ("1.0000000019", Some(1_000_000_001)),
            ("-1.5", Some(-1_500_000_000)),
            ("x", None),
            ("1.x", None),
            ("", None),
        ] {
            assert_eq!(parse_time(text.as_bytes()), expected, "{text:?}");
        }
    }
}
