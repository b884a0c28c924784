//! Numbers as people read them.

/// With three significant digits, and commas between thousands.
pub fn short(value: f64) -> String {
    if value >= 99.95 {
        return thousands(value.round() as u64);
    }
    if value <= 0.0 {
        return "0".to_owned();
    }
    // What rounds to the next power of ten has its digits.
    let decimals = (2 - (value * 1.0005).log10().floor() as i32).clamp(1, 6) as usize;
    format!("{value:.decimals$}")
}

/// The same without zeros at the end: for scales.
pub fn round(value: f64) -> String {
    let text = short(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A whole number, with commas between thousands.
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{round, short};

    #[test]
    fn three_digits() {
        let texts = [0.0, 0.001234, 0.7849, 0.99961, 1.0, 12.34, 99.96, 12_345.6, 1_234_567.0].map(short);
        assert_eq!(texts, ["0", "0.00123", "0.785", "1.00", "1.00", "12.3", "100", "12,346", "1,234,567"]);
    }

    #[test]
    fn round_ones() {
        assert_eq!([0.001, 0.1, 1.0, 10.0, 1_000.0, 2.5].map(round), ["0.001", "0.1", "1", "10", "1,000", "2.5"]);
    }
}
