//! What is remembered is what is true.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::analysis::{Analysis, Candidates, Source};
use super::super::policy::{Policy, Rows, Wording};
use super::*;

fn uuid(number: u32) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1)
}

fn person(number: u32) -> Arc<Identity> {
    let claims = format!(r#"{{"sub":"{}","exp":{number}}}"#, uuid(number));
    Arc::new(Identity { claims: claims.into(), ..Identity::anon() })
}

/// Rows of a room are seen by its members.
fn members() -> Read {
    Read {
        table: 7,
        name: "public.members".into(),
        keys: vec![("room".into(), "room_id".into())],
        subject: Some("member".into()),
        columns: None,
        is_lookup: false,
    }
}

fn audience(reads: Vec<Read>) -> Audience {
    let analysis = Analysis {
        columns: vec!["room_id".into(), "kind".into()],
        claims: Claims::Of(BTreeSet::from(["sub".to_owned()])),
        reads,
        candidates: Candidates::Of(vec![Source::Rows(0)]),
        reasons: Vec::new(),
        is_blind: false,
        complete_from: None,
    };
    let policy = Policy {
        by_image: Arc::new(Wording { rows: String::new(), row: None }),
        reads: vec![true],
        analysis,
    };
    Audience::of(&Arc::new(Lens { columns: vec![true], rows: Rows::Where(Box::new(policy)) }))
}

fn key(room: &str, kind: Option<&str>) -> Key {
    Arc::new([Some(room.into()), kind.map(Into::into)])
}

fn columns() -> Vec<String> {
    vec!["room_id".into(), "kind".into()]
}

/// A row of members came or went.
fn void_member(audience: &mut Audience, read: &Read, room: &str, member: u32) -> usize {
    let member = uuid(member).to_string();
    audience.void(read, &columns(), |column| match column {
        "room" => Value::Text(room),
        "member" => Value::Text(&member),
        _ => Value::Unknown,
    })
}

fn look(audience: &mut Audience, key: &Key) -> Known {
    audience.look(key, Whom::Everybody, Freshness::default())
}

fn learn(audience: &mut Audience, key: &Key, verdicts: &[(Viewer, bool)]) {
    let verdicts: Vec<_> = verdicts.iter().map(|(v, may)| (*v, Some(*may))).collect();
    let edition = audience.look(key, Whom::Everybody, Freshness::default()).edition;
    audience.learn(key, &verdicts, Some(edition), None, 1);
}

#[test]
fn what_was_learnt_is_not_asked_again() {
    let mut audience = audience(vec![members()]);
    (0..3).for_each(|number| audience.enter(number, &person(number)));
    let key = key("a", None);
    assert_eq!(look(&mut audience, &key).unknown, [0, 1, 2]);
    learn(&mut audience, &key, &[(0, true), (1, false), (2, true)]);
    let known = look(&mut audience, &key);
    assert_eq!((&**known.permitted, known.unknown), (&[0, 2][..], vec![]));
}

#[test]
fn tokens_of_one_person_are_one_viewer() {
    let mut audience = audience(vec![members()]);
    audience.enter(0, &person(1));
    let renewed = format!(r#"{{"exp":99,"sub":"{}"}}"#, uuid(1));
    audience.enter(1, &Arc::new(Identity { claims: renewed.into(), ..Identity::anon() }));
    assert_eq!(audience.people(0), [0, 1]);
    audience.leave(0);
    assert_eq!(audience.everybody().collect::<Vec<_>>(), [0]);
    audience.leave(1);
    assert_eq!(audience.everybody().count(), 0);
}

#[test]
fn membership_concerns_one_room_and_one_person() {
    let mut audience = audience(vec![members()]);
    (0..2).for_each(|number| audience.enter(number, &person(number)));
    for room in ["a", "b"] {
        learn(&mut audience, &key(room, None), &[(0, true), (1, true)]);
    }
    assert_eq!(void_member(&mut audience, &members(), "a", 1), 1);
    let known = look(&mut audience, &key("a", None));
    assert_eq!((&**known.permitted, known.unknown), (&[0][..], vec![1]));
    assert!(look(&mut audience, &key("b", None)).unknown.is_empty());
    assert_eq!(void_member(&mut audience, &members(), "c", 1), 0, "no such room is known");
}

#[test]
fn unknown_values_take_back_more_and_null_nothing() {
    let mut audience = audience(vec![members()]);
    audience.enter(0, &person(0));
    learn(&mut audience, &key("a", None), &[(0, true)]);
    let voided = audience.void(&members(), &columns(), |_| Value::Null);
    assert_eq!(voided, 0);
    let voided = audience.void(&members(), &columns(), |_| Value::Unknown);
    assert_eq!(voided, 1);
    assert_eq!(look(&mut audience, &key("a", None)).unknown, [0]);
}

#[test]
fn newcomers_are_asked_about_unless_they_cannot_be_permitted() {
    let mut audience = audience(vec![members()]);
    audience.enter(0, &person(0));
    let key = key("a", None);
    let possible = Possible::Of(HashSet::from([uuid(0), uuid(2)]));
    audience.learn(&key, &[(0, Some(true))], Some(0), Some(possible), 1);
    (1..3).for_each(|number| audience.enter(number, &person(number)));
    assert_eq!(look(&mut audience, &key).unknown, [2]);
    void_member(&mut audience, &members(), "a", 1);
    let mut unknown = look(&mut audience, &key).unknown;
    unknown.sort_unstable();
    assert_eq!(unknown, [1, 2], "who was let in meanwhile could be permitted");
}

#[test]
fn old_verdicts_can_be_left_out() {
    let mut audience = audience(vec![members()]);
    audience.enter(0, &person(0));
    let key = key("a", None);
    learn(&mut audience, &key, &[(0, true)]);
    let since = |told| Freshness { asked_since: Some(told), max_age: None };
    assert!(audience.look(&key, Whom::Everybody, since(1)).unknown.is_empty());
    assert_eq!(audience.look(&key, Whom::Everybody, since(2)).unknown, [0]);
    learn(&mut audience, &key, &[(0, true)]);
    let young = Freshness { asked_since: None, max_age: Some(Duration::ZERO) };
    assert_eq!(audience.look(&key, Whom::Everybody, young).unknown, [0]);
}

#[test]
fn failures_are_asked_again() {
    let mut audience = audience(vec![members()]);
    audience.enter(0, &person(0));
    let key = key("a", None);
    audience.learn(&key, &[(0, None)], Some(0), None, 1);
    assert_eq!(look(&mut audience, &key).unknown, [0]);
}

#[test]
fn what_is_taken_back_while_it_is_asked_is_asked_again() {
    let mut audience = audience(vec![members()]);
    (0..2).for_each(|number| audience.enter(number, &person(number)));
    let key = key("a", None);
    learn(&mut audience, &key, &[(0, true), (1, false)]);
    audience.enter(2, &person(2));
    let asked = look(&mut audience, &key);
    assert_eq!(asked.unknown, [2]);
    // Somebody else, who was known, is let in before the answer is here.
    void_member(&mut audience, &members(), "a", 1);
    audience.learn(&key, &[(2, Some(true))], Some(asked.edition), None, 2);
    assert_eq!(look(&mut audience, &key).unknown, [1]);
}

#[test]
fn answer_to_what_was_forgotten_says_nothing_of_others() {
    let mut audience = audience(vec![members()]);
    audience.enter(0, &person(0));
    let key = key("a", None);
    learn(&mut audience, &key, &[(0, true)]);
    audience.enter(1, &person(1));
    let asked = look(&mut audience, &key);
    audience.void(&members(), &columns(), |_| Value::Unknown);
    audience.learn(&key, &[(1, Some(true))], Some(asked.edition), None, 2);
    let known = look(&mut audience, &key);
    assert_eq!((&**known.permitted, known.unknown), (&[1][..], vec![0]));
}

#[derive(Debug, Clone)]
enum Step {
    Enter(u32),
    Leave(u32),
    Toggle(u32, u8),
    Change(u8),
    ChangeForSome(u8, Vec<u32>),
}

fn step() -> impl Strategy<Value = Step> {
    let person = || 0..6_u32;
    let room = || 0..3_u8;
    prop_oneof![
        person().prop_map(Step::Enter),
        person().prop_map(Step::Leave),
        (person(), room()).prop_map(|(person, room)| Step::Toggle(person, room)),
        room().prop_map(Step::Change),
        (room(), proptest::collection::vec(person(), 0..3))
            .prop_map(|(room, people)| Step::ChangeForSome(room, people)),
    ]
}

proptest! {
    /// Whatever happens in whatever order, what is remembered is what is true.
    #[test]
    fn what_is_remembered_is_true(
        steps in proptest::collection::vec(step(), 0..120),
        with_subject: bool,
        with_candidates: bool,
    ) {
        let mut read = members();
        if !with_subject {
            read.subject = None;
        }
        let mut audience = audience(vec![read.clone()]);
        let mut members: HashSet<(u32, u8)> = HashSet::new();
        for (told, step) in (1..).zip(steps) {
            match step {
                Step::Enter(number) => audience.enter(number, &person(number)),
                Step::Leave(number) => audience.leave(number),
                Step::Toggle(number, room) => {
                    if !members.insert((number, room)) {
                        members.remove(&(number, room));
                    }
                    void_member(&mut audience, &read, &room.to_string(), number);
                }
                Step::Change(room) => {
                    judge(&mut audience, &members, room, None, with_candidates, told);
                }
                Step::ChangeForSome(room, people) => {
                    judge(&mut audience, &members, room, Some(&people), with_candidates, told);
                }
            }
        }
    }
}

/// Asks what is not known, and checks what is.
fn judge(
    audience: &mut Audience,
    members: &HashSet<(u32, u8)>,
    room: u8,
    people: Option<&[u32]>,
    with_candidates: bool,
    told: u64,
) {
    let key = key(&room.to_string(), Some("x"));
    let viewers: Option<Vec<Viewer>> =
        people.map(|people| people.iter().filter_map(|p| audience.viewer(*p)).collect());
    let whom = viewers.as_deref().map_or(Whom::Everybody, Whom::These);
    let known = audience.look(&key, whom, Freshness::default());
    let possible = (with_candidates && known.lacks_candidates).then(|| {
        let of_room = members.iter().filter(|(_, of)| *of == room);
        Possible::Of(of_room.map(|(person, _)| uuid(*person)).collect())
    });
    let truth = |audience: &Audience, viewer: Viewer| {
        audience.people(viewer).iter().any(|person| members.contains(&(*person, room)))
    };
    let mut asked: BTreeSet<Viewer> = known.unknown.into_iter().collect();
    if let Some(possible) = &possible {
        asked.retain(|viewer| audience.is_possible(*viewer, possible));
    }
    let verdicts: Vec<_> =
        asked.iter().map(|viewer| (*viewer, Some(truth(audience, *viewer)))).collect();
    let permitted: HashSet<Viewer> = known
        .permitted
        .iter()
        .copied()
        .chain(verdicts.iter().filter(|(_, may)| *may == Some(true)).map(|(v, _)| *v))
        .collect();
    let concerned = viewers.clone().unwrap_or_else(|| audience.everybody().collect());
    for viewer in concerned {
        assert_eq!(permitted.contains(&viewer), truth(audience, viewer), "viewer {viewer}");
    }
    if !verdicts.is_empty() || possible.is_some() {
        let whole_of = people.is_none().then_some(known.edition);
        audience.learn(&key, &verdicts, whole_of, possible, told);
    }
}
