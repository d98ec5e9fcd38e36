//! What a directory says, or somebody in its name, that must not sign anybody in.

use reqwest::{Client, Method};
use serde_json::json;
use walkie::identity::unix_now;

use super::directory::{Directory, Signer, Signs, Word};
use super::saml::House;

/// What makes a word wrong.
type Change = Box<dyn Fn(&mut Word)>;

#[tokio::test]
async fn word_for_another_time_place_or_server_opens_nothing() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let now = unix_now();
    let changes: Vec<(&str, Change)> = vec![
        ("another Issuer", Box::new(|word| word.issuer.push('x'))),
        ("another Audience", Box::new(|word| word.audience.push('x'))),
        ("another Recipient", Box::new(|word| word.recipient = "https://evil.example".into())),
        ("another Destination", Box::new(|word| word.destination = "https://evil.example".into())),
        ("another request", Box::new(|word| word.in_response_to = Some("_asked".into()))),
        ("has expired", Box::new(move |word| word.until = now - 61)),
        ("not count yet", Box::new(move |word| word.from = now + 90)),
        ("more than a day", Box::new(move |word| word.until = now + 100_000)),
        (
            "session at the identity provider is over",
            Box::new(move |word| word.session_end = Some(now - 1)),
        ),
        ("did not sign the person in: Responder", Box::new(|word| word.status = "Responder")),
        ("there is none", Box::new(|word| word.signs = Signs::Nothing)),
        (
            "too weak",
            Box::new(|word| word.algorithm = Some("http://www.w3.org/2000/09/xmldsig#rsa-sha1")),
        ),
        (
            "digest is too weak",
            Box::new(|word| word.digest = "http://www.w3.org/2000/09/xmldsig#sha1"),
        ),
        (
            "only exclusive",
            Box::new(|word| word.transform = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
        ),
        (
            "only exclusive",
            Box::new(|word| word.transform = "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        ),
    ];
    for (words, change) in changes {
        let mut word = house.directory.word();
        change(&mut word);
        let by_issuer = words == "another Issuer";
        let why = house.refused(&word).await?;
        let expected = if by_issuer { "saml_idp_not_found" } else { words };
        assert!(why.contains(expected), "{words}: {why}");
    }
    // Within a message of the right one, words of another.
    let word = house.directory.word();
    let other = Word { issuer: "https://other.example".into(), ..word.clone() };
    let inner = other.signed(&other.assertion(), &other.id, &house.directory.signer);
    let landing = house.bring(&word.around(&inner), "").await?;
    assert!(landing.error()[2].contains("another Issuer"));
    let sessions = house.database.value("select count(*)::text from auth.sessions").await;
    assert_eq!(sessions, "0");
    Ok(())
}

#[tokio::test]
async fn words_of_others_and_changed_words_open_nothing() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let word = house.directory.word();
    let forged = word.xml(&Signer::other());
    let changed = word.xml(&house.directory.signer).replace("eve-7", "ana-1");
    let mut whole = Word { signs: Signs::Response, ..house.directory.word() };
    let answered = whole
        .xml(&house.directory.signer)
        .replace("ID=\"_response\"", "ID=\"_response\" InResponseTo=\"_x\"");
    whole.signs = Signs::Both;
    let half =
        whole.xml(&house.directory.signer).replace("AttributeStatement>", "AttributeStatement> ");
    for xml in [forged, changed, answered, half] {
        let landing = house.bring(&xml, "").await?;
        assert_eq!(landing.error()[1], "validation_failed", "{landing:?}");
        assert!(landing.error()[2].contains("signature does not count"), "{landing:?}");
    }
    Ok(())
}

// Each form in which a signature that is good is found at one place, and words at another.
#[tokio::test]
async fn wrapped_words_open_nothing() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let word = house.directory.word();
    let signer = &house.directory.signer;
    let honest = word.assertion();
    let signed = word.signed(&honest, &word.id, signer);
    let from = signed.find("<ds:Signature ").unwrap();
    let to = signed.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = &signed[from..to];
    let victim = Word { id: "_forged".into(), name: "ana-1".into(), ..word.clone() };
    let evil = victim.assertion();
    let same = Word { id: word.id.clone(), ..victim.clone() }.assertion();
    let within = |outer: &str, inner: &str| {
        outer.replacen("</saml:Issuer>", &format!("</saml:Issuer>{inner}"), 1)
    };
    let object = |inner: &str| {
        let object = format!("<ds:Object>{inner}</ds:Object></ds:Signature>");
        signature.replace("</ds:Signature>", &object)
    };
    let extensions = |inner: &str| format!("<samlp:Extensions>{inner}</samlp:Extensions>");
    let whole = Word { signs: Signs::Response, ..word.clone() };
    let whole = whole.xml(signer);
    let bare = word.around(&honest);
    let outer = word.around(&evil).replace("_response", "_outer");
    let at = whole.find("<ds:Signature ").unwrap();
    let end = whole.find("</ds:Signature>").unwrap();
    let of_whole = &whole[at..end];

    for (shape, xml) in [
        ("beside, first", word.around(&format!("{evil}{signed}"))),
        ("beside, second", word.around(&format!("{signed}{evil}"))),
        ("around", word.around(&within(&evil, &signed))),
        ("around, in advice", word.around(&evil.replace(
            "</saml:Conditions>",
            &format!("</saml:Conditions><saml:Advice>{signed}</saml:Advice>"),
        ))),
        ("the same ID", word.around(&format!("{same}{signed}"))),
        ("the signature elsewhere", word.around(&within(&evil, signature))),
        ("the honest one in the signature", word.around(&within(&evil, &object(&honest)))),
        ("the same, with one ID", word.around(&within(&same, &object(&honest)))),
        ("in extensions", word.around(&format!("{}{evil}", extensions(&signed)))),
        ("in extensions, signed here", word.around(&format!("{signature}{}{evil}", extensions(&honest)))),
        ("the whole in the whole", word.around(&format!("{}{evil}", extensions(&whole)))),
        ("the whole in its signature", within(
            &outer,
            &format!("{of_whole}<ds:Object>{bare}</ds:Object></ds:Signature>"),
        )),
        ("the signature of the whole, alone", within(
            &outer,
            &format!("{of_whole}</ds:Signature>"),
        )),
        ("two signatures", word.around(&within(&signed, signature))),
        ("no root that counts", format!("<a>{}</a>", word.around(&signed))),
        ("a sealed one beside", word.around(&format!(
            "{signed}<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>"
        ))),
    ] {
        let landing = house.bring(&xml, "").await?;
        assert!(!landing.error()[1].is_empty(), "{shape}: {landing:?}");
        assert!(!landing.fragment.contains_key("access_token"), "{shape}");
    }
    // And what all that was made of is good.
    let landing = house.bring(&word.around(&signed), "").await?;
    assert!(landing.fragment.contains_key("access_token"), "{landing:?}");
    Ok(())
}

#[tokio::test]
async fn text_that_readers_read_differently_opens_nothing() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let word = house.directory.word();
    let xml = word.xml(&house.directory.signer);
    for (shape, xml) in [
        ("comment in a name", xml.replace("eve-7", "eve<!-- -->-7")),
        ("instruction in a name", xml.replace("eve-7", "eve<?x y?>-7")),
        ("document type", format!("<!DOCTYPE x>{xml}")),
        (
            "entity",
            format!(
                "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>{}",
                xml.replace("Eve", "&e;")
            ),
        ),
        ("an ID twice", xml.replace("<saml:Subject>", "<saml:Subject Id=\"_response\">")),
        ("too much", xml.replace("Eve", &"x".repeat(600_000))),
        ("no XML", "hello".to_owned()),
        ("nothing", String::new()),
        ("an assertion alone", word.signed(&word.assertion(), &word.id, &house.directory.signer)),
    ] {
        let landing = house.bring(&xml, "").await?;
        assert_eq!(landing.error()[1], "validation_failed", "{shape}");
    }
    let body = "SAMLResponse=%25%25%25".to_owned();
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let url = format!("{}/auth/v1/sso/saml/acs", house.server.url());
    let kind = "application/x-www-form-urlencoded";
    let answer = client.post(&url).header("content-type", kind).body(body).send().await?;
    assert_eq!(answer.status(), 303);
    let large = "x".repeat(2 * 1024 * 1024);
    let answer = client.post(&url).header("content-type", kind).body(large).send().await?;
    assert_eq!(answer.status(), 413);
    Ok(())
}

#[tokio::test]
async fn assertion_opens_once() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let word = house.directory.word();
    house.enter(&word).await?;

    assert!(house.refused(&word).await?.contains("used before"));
    // The same word in another message.
    let again = Word { signs: Signs::Both, ..word };
    assert!(house.refused(&again).await?.contains("used before"));
    let kept = house.database.value("select id_hash from auth.saml_assertions").await;
    assert_eq!(kept.len(), 64);
    Ok(())
}

#[tokio::test]
async fn who_left_comes_back_once_in_time_and_with_their_own_answer() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let signer = &house.directory.signer;

    let (word, relay_state) = house.word().await?;
    let other = Word { in_response_to: Some("_another".into()), ..word.clone() };
    let landing = house.bring(&other.xml(signer), &relay_state).await?;
    assert!(landing.error()[2].contains("another request"), "{landing:?}");
    let landing = house.bring(&word.xml(signer), &relay_state).await?;
    assert_eq!(landing.error()[1], "saml_relay_state_not_found");

    let (word, relay_state) = house.word().await?;
    let unasked = Word { in_response_to: None, ..word };
    let landing = house.bring(&unasked.xml(signer), &relay_state).await?;
    assert!(landing.error()[2].contains("another request"), "{landing:?}");

    let (word, relay_state) = house.word().await?;
    let late = "update auth.saml_relay_states set created_at = now() - interval '121 seconds'";
    house.database.sql(late).await;
    let landing = house.bring(&word.xml(signer), &relay_state).await?;
    assert_eq!(landing.error()[1], "saml_relay_state_expired");

    // Somebody else's departure, for another directory.
    let (word, relay_state) = house.word().await?;
    let other = Directory::start().await;
    let metadata = other.metadata(include_str!("../keys/p256.crt"));
    let wanted = json!({ "type": "saml", "metadata_xml": metadata });
    let made = house.admin(Method::POST, "", wanted).await?;
    let foreign = format!(
        "update auth.saml_relay_states set sso_provider_id = '{}' where id = '{relay_state}'",
        made.text("id")
    );
    house.database.sql(&foreign).await;
    let landing = house.bring(&word.xml(signer), &relay_state).await?;
    assert!(landing.error()[2].contains("no key of the provider"), "{landing:?}");
    Ok(())
}
