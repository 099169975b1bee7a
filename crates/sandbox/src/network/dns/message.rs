//! As much of the DNS wire format as a forwarder needs: the question, and answers with addresses.

use std::net::IpAddr;

/// Length of the header.
pub(super) const HEADER: usize = 12;
/// Record type of IPv4 addresses.
pub(super) const TYPE_A: u16 = 1;
/// Record type of IPv6 addresses.
pub(super) const TYPE_AAAA: u16 = 28;
/// Record type "any".
const TYPE_ANY: u16 = 255;
const CLASS_INTERNET: u16 = 1;
/// A name cannot be longer.
const MAX_NAME: usize = 255;
/// A pointer to the name in the question.
const NAME_OF_QUESTION: [u8; 2] = [0xc0, HEADER as u8];
/// Seconds for which a local answer may be kept; services come and go.
const LOCAL_TTL: u32 = 1;

/// The response code "no error".
pub(super) const NO_ERROR: u8 = 0;
/// The response code "server failure".
pub(super) const SERVER_FAILURE: u8 = 2;
/// The response code "refused".
pub(super) const REFUSED: u8 = 5;

/// The question of a query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Question {
    /// Lower case, without the dot at its end.
    pub(super) name: String,
    pub(super) kind: u16,
    pub(super) class: u16,
    /// Where the question ends in the message.
    end: usize,
}

/// Reads the question of a query; `None` when it is not a query with one question.
pub(in super::super) fn question(message: &[u8]) -> Option<Question> {
    let flags = *message.get(2)?;
    let questions = u16::from_be_bytes([*message.get(4)?, *message.get(5)?]);
    let is_response = flags & 0x80 != 0;
    let operation = flags >> 3 & 0xf;
    if is_response || operation != 0 || questions != 1 {
        return None;
    }
    let mut at = HEADER;
    let mut name = String::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        // The upper bits mark pointers, which cannot be in the first name of a message.
        if length > 63 || name.len() + length + 1 > MAX_NAME {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        let label = message.get(at..at + length)?;
        name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        at += length;
    }
    let number = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    Some(Question { name, kind: number(at)?, class: number(at + 2)?, end: at + 4 })
}

/// A response without records.
pub(super) fn empty_response(query: &[u8], question: &Question, code: u8) -> Vec<u8> {
    response(query, question, code, &[])
}

/// The response to a question about a local name. Questions other than for addresses get no records: the name exists.
pub(in super::super) fn local_response(query: &[u8], question: &Question, addresses: &[IpAddr]) -> Vec<u8> {
    let fits = |address: &&IpAddr| {
        question.class == CLASS_INTERNET
            && match address {
                IpAddr::V4(_) => matches!(question.kind, TYPE_A | TYPE_ANY),
                IpAddr::V6(_) => matches!(question.kind, TYPE_AAAA | TYPE_ANY),
            }
    };
    // So many fit into the 512 bytes that every client accepts.
    let fitting: Vec<IpAddr> = addresses.iter().filter(fits).copied().take(8).collect();
    response(query, question, NO_ERROR, &fitting)
}

fn response(query: &[u8], question: &Question, code: u8, addresses: &[IpAddr]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(question.end + addresses.len() * 28);
    bytes.extend_from_slice(&query[0..2]);
    let recursion_desired = query[2] & 1;
    bytes.extend_from_slice(&[0x80 | recursion_desired, 0x80 | code]);
    for count in [1, addresses.len() as u16, 0, 0] {
        bytes.extend_from_slice(&count.to_be_bytes());
    }
    bytes.extend_from_slice(&query[HEADER..question.end]);
    for address in addresses {
        let (kind, octets) = match address {
            IpAddr::V4(address) => (TYPE_A, address.octets().to_vec()),
            IpAddr::V6(address) => (TYPE_AAAA, address.octets().to_vec()),
        };
        bytes.extend_from_slice(&NAME_OF_QUESTION);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&CLASS_INTERNET.to_be_bytes());
        bytes.extend_from_slice(&LOCAL_TTL.to_be_bytes());
        bytes.extend_from_slice(&(octets.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&octets);
    }
    bytes
}

/// The response code of a response.
pub(super) fn code(message: &[u8]) -> Option<u8> {
    message.get(3).map(|flags| flags & 0xf)
}

#[cfg(test)]
pub(in super::super) mod tests {
    use super::*;

    /// A query as resolvers send them.
    pub(in super::super::super) fn query(id: u16, name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        for label in name.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&CLASS_INTERNET.to_be_bytes());
        bytes
    }

    #[test]
    fn a_question_is_read() {
        let question = question(&query(7, "Web.Example", TYPE_A)).unwrap();
        assert_eq!((question.name.as_str(), question.kind), ("web.example", TYPE_A));
    }

    #[test]
    fn malformed_messages_are_no_questions() {
        let whole = query(7, "web.example", TYPE_A);
        for length in 0..whole.len() {
            assert_eq!(question(&whole[..length]), None, "cut at {length}");
        }
        let mut pointer = whole.clone();
        pointer[HEADER] = 0xc0;
        assert_eq!(question(&pointer), None);
        let mut response = whole;
        response[2] |= 0x80;
        assert_eq!(question(&response), None);
        let long = query(7, &["a".repeat(63).as_str(); 5].join("."), TYPE_A);
        assert_eq!(question(&long), None, "longer than a name may be");
    }

    #[test]
    fn a_local_name_is_answered_by_type() {
        let addresses = ["10.87.0.9".parse().unwrap(), "fd00::9".parse().unwrap()];
        let asked = query(7, "web", TYPE_A);
        let answer = local_response(&asked, &question(&asked).unwrap(), &addresses);
        assert_eq!(answer[..8], [0, 7, 0x81, 0x80, 0, 1, 0, 1]);
        assert_eq!(answer[answer.len() - 4..], [10, 87, 0, 9]);
        let asked = query(7, "web", 16);
        let answer = local_response(&asked, &question(&asked).unwrap(), &addresses);
        assert_eq!((answer[7], code(&answer)), (0, Some(NO_ERROR)), "exists, but has no TXT");
    }
}
