//! What is asked: a body -> a table, a row or a place, a wish, and a person. Pure.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::error::Api as Error;
use crate::identity::{Identity, SERVICE_ROLE};
use crate::wal::Place;

/// The role of a person of whom nothing else is said.
const SIGNED_IN: &str = "authenticated";

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) schema: String,
    pub(super) table: String,
    /// `INSERT`, `UPDATE`, `DELETE`, or anything else for all.
    pub(super) event: String,
    pub(super) which: Which,
    /// A binding that is wished for, when the question is not about those there are.
    pub(super) wish: Option<Map<String, Value>>,
    pub(super) whom: Whom,
}

/// Which row the question is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Which {
    /// None: about the table as such.
    Any,
    /// The row with this key, as it is now.
    Key(Value),
    /// What was changed at this place.
    At(Place),
}

/// Whom the question is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Whom {
    /// Whoever asks.
    Oneself(Identity),
    /// Somebody with these claims.
    Somebody(Identity),
    /// A person, by their subject: with the claims of their subscription, where they have one.
    User(Identity),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    schema: Option<String>,
    table: Option<String>,
    key: Option<Value>,
    place: Option<String>,
    event: Option<String>,
    filter: Option<String>,
    select: Option<Value>,
    user: Option<String>,
    role: Option<String>,
    claims: Option<Map<String, Value>>,
}

impl Asked {
    /// Reads a body that `caller` sent.
    ///
    /// # Errors
    /// It is not JSON or lacks something, or somebody asks about another.
    pub(super) fn read(body: &[u8], caller: &Identity) -> Result<Self, Error> {
        let value: Value = serde_json::from_slice(body).map_err(|_| Error::Malformed)?;
        let mut body: Body = serde_json::from_value(value).map_err(|error| {
            // It names the field that is unknown or of another type, and no value.
            invalid("body", error.to_string().split(':').next().unwrap_or_default())
        })?;
        let whom = Whom::read(&mut body, caller)?;
        let table = body.table.take().filter(|table| !table.is_empty());
        let table = table.ok_or_else(|| invalid("table", "can't be blank"))?;
        let schema = body.schema.take().unwrap_or_else(|| "public".to_owned());
        let which = match (body.key.take().filter(|key| !key.is_null()), &body.place) {
            (Some(_), Some(_)) => return Err(invalid("place", "goes without a key")),
            (Some(key), None) => Which::Key(key),
            (None, Some(place)) => Which::At(place_of_change(place)?),
            (None, None) => Which::Any,
        };
        let event = body.event.take();
        let is_wish = event.is_some() || body.filter.is_some() || body.select.is_some();
        let event = event.unwrap_or_else(|| "*".to_owned()).to_ascii_uppercase();
        let wish = is_wish.then(|| {
            let mut entry = Map::new();
            entry.insert("event".into(), event.clone().into());
            entry.insert("schema".into(), schema.clone().into());
            entry.insert("table".into(), table.clone().into());
            entry.extend(body.filter.map(|filter| ("filter".to_owned(), filter.into())));
            entry.extend(body.select.map(|select| ("select".to_owned(), select)));
            entry
        });
        Ok(Self { schema, table, event, which, wish, whom })
    }

    /// Whether somebody asks about themselves: they are told of no row that they may not see.
    pub(super) fn is_about_oneself(&self) -> bool {
        matches!(self.whom, Whom::Oneself(_))
    }
}

impl Whom {
    fn read(body: &mut Body, caller: &Identity) -> Result<Self, Error> {
        let (user, role, claims) = (body.user.take(), body.role.take(), body.claims.take());
        if &*caller.role != SERVICE_ROLE {
            let names_another = user.is_some() || role.is_some() || claims.is_some();
            return match caller.subject {
                Some(_) if !names_another => Ok(Self::Oneself(caller.clone())),
                _ => Err(Error::Forbidden),
            };
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match (user, claims) {
            (user, Some(mut claims)) => {
                claims.extend(user.map(|user| ("sub".to_owned(), user.into())));
                let role = role.or_else(|| claims.get("role").and_then(text));
                Ok(Self::Somebody(person(role.unwrap_or_else(|| SIGNED_IN.to_owned()), claims)))
            }
            (Some(user), None) => {
                let claims = [("sub".to_owned(), Value::from(user))];
                let role = role.unwrap_or_else(|| SIGNED_IN.to_owned());
                Ok(Self::User(person(role, claims.into_iter().collect())))
            }
            (None, None) => {
                let role = role.ok_or_else(|| invalid("user", "can't be blank"))?;
                Ok(Self::Somebody(person(role, Map::new())))
            }
        }
    }

    /// As whom Postgres is asked.
    pub(super) fn identity(&self) -> &Identity {
        match self {
            Self::Oneself(identity) | Self::Somebody(identity) | Self::User(identity) => identity,
        }
    }
}

fn person(role: String, mut claims: Map<String, Value>) -> Identity {
    claims.insert("role".into(), role.as_str().into());
    let subject = claims.get("sub").and_then(Value::as_str).map(Into::into);
    Identity {
        role: role.into(),
        subject,
        claims: Value::Object(claims).to_string().into(),
        expires_at: None,
        session: None,
        names_role: true,
    }
}

/// The place of one change: one that says after which all changes of a commit come is none.
fn place_of_change(text: &str) -> Result<Place, Error> {
    let place: Option<Place> = text.parse().ok();
    let place = place.filter(|place| *place != Place::after(place.commit));
    place.ok_or_else(|| invalid("place", "is no place of a change, such as 0/16B3748:0"))
}

fn invalid(field: &str, why: &str) -> Error {
    Error::Invalid(json!({ field: [why] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: &str, subject: Option<&str>) -> Identity {
        Identity { role: role.into(), subject: subject.map(Into::into), ..Identity::anon() }
    }

    fn read(caller: &Identity, body: &Value) -> Result<Asked, Error> {
        Asked::read(body.to_string().as_bytes(), caller)
    }

    #[test]
    fn service_asks_about_anybody_and_others_about_themselves() {
        let service = caller(SERVICE_ROLE, None);
        let asked = read(&service, &json!({"table": "t", "user": "u"})).expect("reads");
        assert_eq!((asked.schema.as_str(), &asked.which), ("public", &Which::Any));
        let identity = asked.whom.identity();
        assert_eq!((&*identity.role, identity.subject.as_deref()), (SIGNED_IN, Some("u")));
        assert_eq!(&*identity.claims, r#"{"sub":"u","role":"authenticated"}"#);
        let claims = json!({"table": "t", "claims": {"role": "editor", "team": 7}});
        let asked = read(&service, &claims).expect("reads");
        assert_eq!(&*asked.whom.identity().role, "editor");
        assert!(matches!(read(&service, &json!({"table": "t"})), Err(Error::Invalid(_))));

        let ana = caller(SIGNED_IN, Some("ana"));
        let asked = read(&ana, &json!({"table": "t", "key": 1})).expect("reads");
        assert!(asked.is_about_oneself() && asked.which == Which::Key(json!(1)));
        for other in [json!({"user": "bo"}), json!({"role": "x"}), json!({"claims": {}})] {
            let mut body = json!({"table": "t"});
            body.as_object_mut()
                .expect("it is one")
                .extend(other.as_object().cloned().expect("is"));
            assert_eq!(read(&ana, &body), Err(Error::Forbidden));
        }
        assert_eq!(read(&caller("anon", None), &json!({"table": "t"})), Err(Error::Forbidden));
    }

    #[test]
    fn bodies_are_checked() {
        let ana = caller(SIGNED_IN, Some("ana"));
        assert_eq!(Asked::read(b"{", &ana), Err(Error::Malformed));
        let wrong = [
            json!({}),
            json!({"table": ""}),
            json!({"table": 7}),
            json!({"table": "t", "lsn": "0/1:0"}),
            json!({"table": "t", "place": "soon"}),
            json!({"table": "t", "place": "0/1"}),
            json!({"table": "t", "place": "0/1:0", "key": 1}),
        ];
        for body in wrong {
            assert!(matches!(read(&ana, &body), Err(Error::Invalid(_))), "{body}");
        }
    }

    #[test]
    fn event_filter_or_selection_is_a_wish() {
        let ana = caller(SIGNED_IN, Some("ana"));
        assert_eq!(read(&ana, &json!({"table": "t"})).expect("reads").wish, None);
        let wish = json!({"table": "t", "filter": "a=eq.1", "event": "insert"});
        let wish = read(&ana, &wish).expect("reads").wish.expect("a wish");
        assert_eq!(
            Value::Object(wish),
            json!({"event": "INSERT", "schema": "public", "table": "t", "filter": "a=eq.1"})
        );
    }
}
