//! Codes of authenticator apps (RFC 6238): six digits, thirty seconds, one step of patience.

use qrcode::QrCode;
use qrcode::render::svg::Color;
use serde_json::{Value, json};
use totp_rs::{Builder, Totp};
use uuid::Uuid;

use crate::auth::Error;

/// As long as the hash inside, which RFC 4226 recommends.
const SECRET_BYTES: usize = 20;

const STEP_SECONDS: u64 = 30;

/// Longest name of a service or an account that a picture shows, in bytes.
const MAX_LABEL_BYTES: usize = 255;

/// Least width of the picture, in pixels.
const PICTURE_PIXELS: u32 = 200;

/// What an app and this server share.
pub(super) struct Secret(totp_rs::Secret);

impl Secret {
    pub(super) fn random() -> Self {
        let bytes: [u8; SECRET_BYTES] = rand::random();
        Self(totp_rs::Secret::from(bytes.to_vec()))
    }

    /// Reads what [`Secret::text`] gave.
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let secret = totp_rs::Secret::try_from_base32(text);
        secret.map(Self).map_err(|error| Error::Broken(error.to_string().into()))
    }

    /// In base32, as people type it.
    pub(super) fn text(&self) -> String {
        self.0.to_base32()
    }

    /// The step of time that this code is of, if it is of this one or of one beside it.
    pub(super) fn step_of(&self, code: &str, unix_seconds: u64) -> Option<i64> {
        let step = self.totp(None, "").ok()?.check(code.trim(), unix_seconds)?;
        i64::try_from(step).ok()
    }

    fn totp(&self, issuer: Option<&str>, account: &str) -> Result<Totp, Error> {
        Builder::new()
            .with_secret(self.0.clone())
            .with_skew(1)
            .with_step_duration(STEP_SECONDS)
            .with_issuer(issuer)
            .with_account_name(account)
            .build()
            .map_err(|error| Error::Broken(error.to_string().into()))
    }
}

/// Where the secret of a factor is kept sealed.
pub(super) fn place(factor_id: Uuid) -> String {
    format!("totp {factor_id}")
}

/// What people need to set up their app, once: the secret, its URL, and a picture of it.
pub(super) fn card(secret: &Secret, issuer: &str, account: &str) -> Result<Value, Error> {
    if issuer.len() > MAX_LABEL_BYTES {
        return Err(Error::Invalid("issuer is longer than 255 bytes"));
    }
    if issuer.contains(':') {
        return Err(Error::Invalid("issuer may not hold a colon"));
    }
    let totp = secret.totp(Some(issuer), &account.replace(':', ""))?;
    let url = totp.to_url().map_err(|error| Error::Broken(error.to_string().into()))?;
    // Names of colors, because a client puts the picture into a URL, where # would end it.
    let picture = QrCode::new(&url)
        .map_err(|error| Error::Broken(Box::new(error)))?
        .render::<Color<'_>>()
        .dark_color(Color("black"))
        .light_color(Color("white"))
        .min_dimensions(PICTURE_PIXELS, PICTURE_PIXELS)
        .build();
    Ok(json!({ "qr_code": picture, "secret": secret.text(), "uri": url }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B, in base32.
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = Secret::read(SECRET).unwrap();
        assert_eq!(secret.text(), SECRET);
        // The last six digits of the appendix's eight.
        assert_eq!(secret.step_of("287082", 59), Some(1));
        assert_eq!(secret.step_of(" 081804 ", 1_111_111_109), Some(37_037_036));
    }

    #[test]
    fn one_step_early_or_late_is_fine_and_two_are_not() {
        let secret = Secret::read(SECRET).unwrap();
        assert_eq!(secret.step_of("287082", 29), Some(1));
        assert_eq!(secret.step_of("287082", 89), Some(1));
        assert_eq!(secret.step_of("287082", 90), None);
        for wrong in ["", "28708", "2870822", "28708x", "-87082", "２８７０８２"] {
            assert_eq!(secret.step_of(wrong, 59), None, "{wrong}");
        }
    }

    #[test]
    fn card_can_stand_in_a_data_url() {
        let card = card(&Secret::random(), "example.com", "ana@example.com").unwrap();
        let picture = card["qr_code"].as_str().unwrap();
        assert!(picture.contains("<svg") && !picture.contains('#'));
        let url = card["uri"].as_str().unwrap();
        assert!(url.starts_with("otpauth://totp/example.com:ana%40example.com?secret="), "{url}");
        assert!(url.contains(card["secret"].as_str().unwrap()));
    }
}
