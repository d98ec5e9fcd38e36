//! The policy of a form that a browser posts: who signed it, and what they allow. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::error::Error;
use super::signature::{Credential, check_time};
use super::signing::ALGORITHM;

/// Fields that a policy need not name; so are all that begin with `x-ignore-`.
const FREE: [&str; 3] = ["policy", "x-amz-signature", "file"];

/// The longest life of a signature: as that of a presigned URL.
const LIFE: std::time::Duration = std::time::Duration::from_secs(604_800);

/// The fields of a form before its file, names in lower case.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Adds a field.
    ///
    /// # Errors
    /// It is there already, so that nobody can know which counts.
    pub(super) fn push(&mut self, name: &str, value: String) -> Result<(), Error> {
        let name = name.to_ascii_lowercase();
        if self.get(&name).is_some() {
            return Err(Error::BadForm(format!("The form has the field '{name}' twice.")));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn need(&self, name: &'static str) -> Result<&str, Error> {
        self.get(name).ok_or(Error::MissingField(name))
    }
}

#[derive(Deserialize)]
struct Document {
    expiration: String,
    conditions: Vec<Value>,
}

/// What a policy that holds allows for the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// Fewest and most bytes.
    pub size: Option<(u64, u64)>,
}

/// Whose key signed the form.
///
/// # Errors
/// A field is missing or does not read.
pub(super) fn credential(fields: &Fields) -> Result<Credential, Error> {
    if fields.need("x-amz-algorithm")? != ALGORITHM {
        return Err(Error::InvalidArgument("X-Amz-Algorithm only supports AWS4-HMAC-SHA256."));
    }
    Credential::read(fields.need("x-amz-credential")?)
        .ok_or(Error::InvalidArgument("X-Amz-Credential is malformed."))
}

/// Whether the holder of `secret` signed the policy of a form posted to `bucket`, and whether it
/// allows what the form says.
///
/// # Errors
/// It does not.
pub(super) fn verify(
    fields: &Fields,
    bucket: &str,
    secret: &str,
    now: OffsetDateTime,
) -> Result<Allowed, Error> {
    let policy = fields.need("policy")?;
    let scope = credential(fields)?.scope;
    if !scope.key(secret).verify(policy, fields.need("x-amz-signature")?) {
        return Err(Error::SignatureMismatch);
    }
    check_time(fields.need("x-amz-date")?, &scope, Some(LIFE), now)?;
    let document = BASE64.decode(policy).map_err(|_| Error::BadPolicy("It is not base64."))?;
    let document: Document = serde_json::from_slice(&document)
        .map_err(|_| Error::BadPolicy("It is no JSON of an expiration and conditions."))?;
    let expiration = OffsetDateTime::parse(&document.expiration, &Rfc3339)
        .map_err(|_| Error::BadPolicy("The expiration is no time."))?;
    if now > expiration {
        return Err(Error::Expired);
    }
    check_conditions(&document.conditions, fields, bucket)
}

fn check_conditions(conditions: &[Value], fields: &Fields, bucket: &str) -> Result<Allowed, Error> {
    let mut named = vec!["bucket".to_owned()];
    let mut size = None;
    for condition in conditions {
        for rule in Rule::read(condition)? {
            let (name, holds) = match &rule {
                Rule::Size(least, most) => {
                    size = Some((*least, *most));
                    continue;
                }
                Rule::Equals(name, value) => (name, find(fields, bucket, name) == Some(value)),
                Rule::StartsWith(name, value) => {
                    let found = find(fields, bucket, name);
                    (name, found.is_some_and(|found| found.starts_with(value.as_str())))
                }
            };
            if !holds {
                return Err(Error::PolicyRefuses(condition.to_string()));
            }
            named.push(name.clone());
        }
    }
    let is_free = |name: &str| FREE.contains(&name) || name.starts_with("x-ignore-");
    let mut extra = fields.iter().map(|(name, _)| name);
    match extra.find(|name| !is_free(name) && !named.iter().any(|known| known == name)) {
        Some(name) => Err(Error::PolicyRefuses(format!("Extra input fields: {name}"))),
        None => Ok(Allowed { size }),
    }
}

fn find<'a>(fields: &'a Fields, bucket: &'a str, name: &str) -> Option<&'a str> {
    if name == "bucket" { Some(bucket) } else { fields.get(name) }
}

/// One thing that a policy asks.
enum Rule {
    Equals(String, String),
    StartsWith(String, String),
    Size(u64, u64),
}

impl Rule {
    /// `{"acl": "public-read"}`, `["eq", "$acl", "public-read"]`, `["starts-with", "$key", "a/"]`
    /// or `["content-length-range", 1, 10]`; an object may hold several.
    fn read(condition: &Value) -> Result<Vec<Self>, Error> {
        const BAD: Error = Error::BadPolicy("A condition does not read.");
        match condition {
            Value::Object(pairs) => pairs
                .iter()
                .map(|(name, value)| {
                    let value = value.as_str().ok_or(BAD)?;
                    Ok(Self::Equals(name.to_ascii_lowercase(), value.to_owned()))
                })
                .collect(),
            Value::Array(parts) => {
                let [kind, one, other] = parts.as_slice() else { return Err(BAD) };
                let kind = kind.as_str().ok_or(BAD)?.to_ascii_lowercase();
                if kind == "content-length-range" {
                    let (least, most) = (number(one).ok_or(BAD)?, number(other).ok_or(BAD)?);
                    return Ok(vec![Self::Size(least, most)]);
                }
                let name = one.as_str().and_then(|name| name.strip_prefix('$')).ok_or(BAD)?;
                let name = name.to_ascii_lowercase();
                let value = other.as_str().ok_or(BAD)?.to_owned();
                match &*kind {
                    "eq" => Ok(vec![Self::Equals(name, value)]),
                    "starts-with" => Ok(vec![Self::StartsWith(name, value)]),
                    _ => Err(BAD),
                }
            }
            _ => Err(BAD),
        }
    }
}

/// A number, written as one or as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::super::signing::Scope;
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const NOW: OffsetDateTime = datetime!(2015-12-29 12:00:00 UTC);
    const CREDENTIAL: &str = "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request";

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in pairs {
            fields.push(name, (*value).to_owned()).expect("each comes once");
        }
        fields
    }

    /// A form with this policy, signed.
    fn signed(policy: &Value, more: &[(&str, &str)]) -> Fields {
        let policy = BASE64.encode(policy.to_string());
        let scope = Scope { date: "20151229".into(), region: "us-east-1".into() };
        let signature = scope.key(SECRET).sign(&policy);
        let mut pairs = vec![
            ("Policy", &*policy),
            ("X-Amz-Signature", &*signature),
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", CREDENTIAL),
            ("X-Amz-Date", "20151229T000000Z"),
        ];
        pairs.extend_from_slice(more);
        fields(&pairs)
    }

    /// A policy that also names what every form has.
    fn policy(conditions: &[Value]) -> Value {
        let mut all = vec![
            json!({ "x-amz-algorithm": ALGORITHM, "x-amz-date": "20151229T000000Z" }),
            json!(["starts-with", "$x-amz-credential", ""]),
        ];
        all.extend_from_slice(conditions);
        json!({ "expiration": "2015-12-30T12:00:00.000Z", "conditions": all })
    }

    fn ask(conditions: &[Value], more: &[(&str, &str)]) -> Result<Allowed, Error> {
        verify(&signed(&policy(conditions), more), "photos", SECRET, NOW)
    }

    #[test]
    fn the_documented_form_is_signed_as_documented() {
        let policy = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
        let form = fields(&[
            ("key", "user/user1/${filename}"),
            ("acl", "public-read"),
            (
                "success_action_redirect",
                "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html",
            ),
            ("Content-Type", "image/jpeg"),
            ("x-amz-meta-uuid", "14365123651274"),
            ("x-amz-server-side-encryption", "AES256"),
            ("X-Amz-Credential", CREDENTIAL),
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Date", "20151229T000000Z"),
            ("x-amz-meta-tag", ""),
            ("Policy", policy),
            ("X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
        ]);
        let allowed = verify(&form, "sigv4examplebucket", SECRET, NOW);
        assert_eq!(allowed, Ok(Allowed { size: None }));
        assert!(verify(&form, "another", SECRET, NOW).is_err());
        assert_eq!(
            verify(&form, "sigv4examplebucket", "another", NOW),
            Err(Error::SignatureMismatch)
        );
        let late = datetime!(2015-12-30 12:00:01 UTC);
        assert_eq!(verify(&form, "sigv4examplebucket", SECRET, late), Err(Error::Expired));
    }

    #[test]
    fn conditions_hold_or_refuse() {
        let key = [("key", "user/1/a.png")];
        let holds = [
            json!({ "key": "user/1/a.png", "bucket": "photos" }),
            json!(["eq", "$Key", "user/1/a.png"]),
            json!(["starts-with", "$key", "user/1/"]),
            json!(["starts-with", "$key", ""]),
        ];
        for condition in holds {
            assert!(ask(std::slice::from_ref(&condition), &key).is_ok(), "{condition}");
        }
        let refuses = [
            json!({ "key": "user/1/b.png" }),
            json!({ "bucket": "others" }),
            json!(["starts-with", "$key", "user/2/"]),
            json!(["eq", "$acl", "private"]),
        ];
        for condition in refuses {
            let refusal = ask(std::slice::from_ref(&condition), &key).err();
            assert_eq!(refusal, Some(Error::PolicyRefuses(condition.to_string())));
        }
    }

    #[test]
    fn fields_must_be_named_unless_they_are_free() {
        let named = [json!(["starts-with", "$key", ""])];
        assert!(ask(&named, &[("key", "a"), ("x-ignore-this", "1")]).is_ok());
        let extra = ask(&named, &[("key", "a"), ("acl", "public-read")]);
        assert_eq!(extra, Err(Error::PolicyRefuses("Extra input fields: acl".into())));
    }

    #[test]
    fn sizes_are_given_on() {
        for range in
            [json!(["content-length-range", 1, 10]), json!(["content-length-range", "1", "10"])]
        {
            assert_eq!(ask(&[range], &[]), Ok(Allowed { size: Some((1, 10)) }));
        }
    }

    #[test]
    fn policies_and_forms_that_do_not_read_are_refused() {
        for condition in [
            json!("key"),
            json!(["eq", "$key"]),
            json!(["eq", "key", "a"]),
            json!(["ends-with", "$key", "a"]),
            json!({ "key": 1 }),
            json!(["content-length-range", -1, 10]),
        ] {
            let refusal = ask(std::slice::from_ref(&condition), &[("key", "a")]).err();
            assert!(matches!(refusal, Some(Error::BadPolicy(_))), "{condition}");
        }
        for document in [json!([]), json!({ "expiration": "soon", "conditions": [] })] {
            let refusal = verify(&signed(&document, &[]), "photos", SECRET, NOW).err();
            assert!(matches!(refusal, Some(Error::BadPolicy(_))), "{document}");
        }
        let mut twice = fields(&[("key", "a")]);
        assert!(matches!(twice.push("Key", "b".into()), Err(Error::BadForm(_))));
        let missing = credential(&fields(&[("key", "a")]));
        assert_eq!(missing, Err(Error::MissingField("x-amz-algorithm")));
    }
}
