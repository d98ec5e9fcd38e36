//! What counts as an e-mail address: the rule of HTML forms, in lower case.

use super::Error;

/// The longest address mail servers carry (RFC 5321), in bytes.
const MAX_BYTES: usize = 254;

/// The address as accounts are found by it.
pub(super) fn normal(address: &str) -> Result<String, Error> {
    if is_address(address) {
        Ok(address.to_ascii_lowercase())
    } else {
        Err(Error::Invalid("Unable to validate email address: invalid format"))
    }
}

fn is_address(address: &str) -> bool {
    address.len() <= MAX_BYTES
        && address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && local.bytes().all(is_atom) && domain.split('.').all(is_label)
        })
}

fn is_atom(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lowered() {
        assert_eq!(normal("Ana.B+x@Example.COM").ok().as_deref(), Some("ana.b+x@example.com"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("a@{}com", "b.".repeat(130));
        for text in
            ["", "ana", "@b.c", "a@", "a b@c.d", "a@b..c", "a@-b.c", "a@b@c", "ä@b.c", &long]
        {
            assert!(normal(text).is_err(), "{text}");
        }
    }
}
