//! Durations as Go writes them (`1h30m`, `876000h`), the form in which a ban is given.

/// The longest duration Go can hold (292 years), in seconds.
const MAX_SECONDS: f64 = 9_223_372_036.0;

/// A duration in seconds; nothing when the text is none.
pub(super) fn seconds(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let mut rest = text;
    let mut total = 0.0;
    loop {
        let unit_at = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at(unit_at);
        let next_at = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(next_at);
        total += number.parse::<f64>().ok()? * unit_seconds(unit)?;
        if next.is_empty() {
            return (total <= MAX_SECONDS).then_some(total);
        }
        rest = next;
    }
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        assert_eq!(seconds("1h30m"), Some(5400.0));
        assert_eq!(seconds("1.5h"), Some(5400.0));
        assert_eq!(seconds("876000h"), Some(3_153_600_000.0));
        assert_eq!(seconds("250ms"), Some(0.25));
        assert_eq!(seconds("0"), Some(0.0));
    }

    #[test]
    fn what_is_no_duration_is_nothing() {
        for text in ["", "5", "h", "1x", "1h5", "-1h", "1..2h", "9999999999h", "1 h", ".h"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
