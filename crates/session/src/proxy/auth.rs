//! HTTP Basic authentication with the session token.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hyper::header::HeaderValue;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
/// What the Rust SDK uses.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);

/// Whether the header has the token as user name. The password must be empty.
pub(super) fn is_allowed(header: Option<&HeaderValue>, token: &str) -> bool {
    let Some((scheme, credentials)) =
        header.and_then(|value| value.to_str().ok()).and_then(|value| value.split_once(' '))
    else {
        return false;
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return false;
    }
    let credentials = credentials.trim();
    let Ok(decoded) = STANDARD.decode(credentials).or_else(|_| URL_SAFE.decode(credentials)) else {
        return false;
    };
    // Hashes are compared in constant time, so the time tells nothing about the token.
    blake3::hash(&decoded) == blake3::hash(format!("{token}:").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(header: &str, token: &str) -> bool {
        is_allowed(Some(&HeaderValue::from_str(header).unwrap()), token)
    }

    #[test]
    fn all_forms_that_sdks_send_are_taken() {
        let token = "tok?>>e~n";
        let plain = format!("{token}:");
        assert!(allowed(&format!("Basic {}", STANDARD.encode(&plain)), token));
        assert!(allowed(&format!("basic {}", URL_SAFE.encode(&plain)), token));
        assert!(allowed(&format!("Basic {}", STANDARD.encode(&plain).trim_end_matches('=')), token));
        assert_ne!(
            STANDARD.encode(&plain),
            URL_SAFE.encode(&plain),
            "the test needs a token that tells them apart"
        );
    }

    #[test]
    fn everything_else_is_refused() {
        for header in
            ["", "Basic", "Basic ", "Bearer dG9rZW46", "Basic !!!", "Basic dG9rZW4=", "Basic dG9rZW46eA=="]
        {
            assert!(!allowed(header, "token"), "{header}");
        }
        assert!(allowed("Basic dG9rZW46", "token"));
        assert!(!is_allowed(None, "token"));
    }
}
