//! /admin/sso/providers: companies whose directories sign people in.

use reqwest::Method;
use serde_json::{Value, json};

use super::directory::Directory;
use super::saml::House;
use super::{request, send};

#[tokio::test]
async fn provider_is_made_read_changed_and_removed() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let path = format!("/{}", house.id);

    let read = house.admin(Method::GET, &path, Value::Null).await?;
    let saml = &read.body["saml"];
    assert_eq!(saml["entity_id"], house.directory.entity_id());
    assert_eq!(saml["metadata_url"], format!("{}/metadata", house.directory.url));
    assert!(saml["metadata_xml"].as_str().is_some_and(|xml| xml.contains("EntityDescriptor")));
    assert_eq!(saml["attribute_mapping"]["keys"]["groups"]["array"], true);
    assert_eq!(read.body["domains"][0]["domain"], "company.example");

    let listed = house.admin(Method::GET, "", Value::Null).await?;
    assert_eq!(listed.body["items"][0]["id"], house.id);
    assert_eq!(listed.body["items"][0]["saml"].get("metadata_xml"), None);

    let format = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    let change = json!({
        "domains": ["Company.Example", "branch.example"], "name_id_format": format,
        "resource_id": "acme", "disabled": false,
    });
    let changed = house.admin(Method::PUT, &path, change).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let domains: Vec<_> = changed.body["domains"].as_array().unwrap().iter().collect();
    assert_eq!(domains.len(), 2);
    assert_eq!(changed.body["saml"]["name_id_format"], format);
    assert_eq!(changed.body["saml"]["attribute_mapping"], saml["attribute_mapping"]);
    for (query, found) in
        [("?resource_id=ACME", 1), ("?resource_id=a", 0), ("?resource_id_prefix=a", 1)]
    {
        let listed = house.admin(Method::GET, query, Value::Null).await?;
        assert_eq!(listed.body["items"].as_array().unwrap().len(), found, "{query}");
    }

    let gone = house.admin(Method::DELETE, &path, Value::Null).await?;
    assert_eq!((gone.status.as_u16(), gone.text("id")), (200, house.id.as_str()));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = house.admin(method, &path, json!({})).await?;
        assert_eq!(reply.refusal(), (404, "sso_provider_not_found"));
    }
    let reply = house.admin(Method::GET, "/acme", Value::Null).await?;
    assert_eq!(reply.refusal(), (404, "sso_provider_not_found"));
    Ok(())
}

#[tokio::test]
async fn what_is_there_already_is_not_made_again() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let again = house.admin(Method::POST, "", house.wanted()).await?;
    assert_eq!(again.refusal(), (422, "saml_idp_already_exists"));

    let other = Directory::start().await;
    let metadata = other.metadata(include_str!("../keys/rsa.crt"));
    let wanted =
        json!({ "type": "saml", "metadata_xml": metadata, "domains": ["COMPANY.example"] });
    let taken = house.admin(Method::POST, "", wanted).await?;
    assert_eq!(taken.refusal(), (400, "sso_domain_already_exists"));

    let path = format!("/{}", house.id);
    let stranger = house.admin(Method::PUT, &path, json!({ "metadata_xml": metadata })).await?;
    assert_eq!(stranger.refusal(), (400, "saml_entity_id_mismatch"));
    let made = house.admin(Method::POST, "", json!({ "type": "saml", "metadata_xml": metadata }));
    let made = made.await?;
    assert_eq!(made.status, 201, "{}", made.body);
    let names = json!({ "resource_id": "one" });
    assert_eq!(house.admin(Method::PUT, &path, names.clone()).await?.status, 200);
    let twice = house.admin(Method::PUT, &format!("/{}", made.text("id")), names).await?;
    assert_eq!(twice.refusal(), (400, "conflict"));
    Ok(())
}

#[tokio::test]
async fn what_makes_no_provider_is_refused() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    house.admin(Method::DELETE, &format!("/{}", house.id), Value::Null).await?;
    let xml = house.directory.metadata(include_str!("../keys/rsa.crt"));
    for (field, value) in [
        ("type", json!("oidc")),
        ("metadata_url", json!("https://idp.example/metadata")),
        ("metadata_xml", json!("")),
        ("metadata_xml", json!("<a/>")),
        ("metadata_xml", json!(xml.replace("IDPSSODescriptor", "SPSSODescriptor"))),
        ("metadata_xml", json!(xml.replace("entityID", "name"))),
        ("metadata_xml", json!(format!("<!DOCTYPE x>{}", &xml[xml.find("<md:").unwrap()..]))),
        ("metadata_xml", json!(xml.replace("use=\"signing\"", "use=\"encryption\""))),
        ("metadata_xml", json!(xml.replace(&house.directory.url, "javascript:alert(1)//"))),
        ("domains", json!(["not a domain"])),
        ("domains", json!([""])),
        ("name_id_format", json!("urn:x")),
        ("attribute_mapping", json!({ "keys": { "sub": { "name": "x" } } })),
        ("attribute_mapping", json!({ "keys": { "x": { "name": 5 } } })),
        ("attribute_mapping", json!([])),
        ("resource_id", json!("x".repeat(3000))),
    ] {
        let mut body = json!({ "type": "saml", "metadata_xml": xml });
        body[field] = value;
        let reply = house.admin(Method::POST, "", body.clone()).await?;
        assert_eq!(reply.refusal(), (400, "validation_failed"), "{body}");
    }
    for url in ["http://169.254.169.254/", "https://10.0.0.1/", "file:///etc/passwd", "idp"] {
        let body = json!({ "type": "saml", "metadata_url": url });
        let reply = house.admin(Method::POST, "", body).await?;
        assert_eq!(reply.refusal(), (400, "validation_failed"), "{url}");
    }
    house.directory.publish(None);
    let missing = house.admin(Method::POST, "", house.wanted()).await?;
    assert_eq!(missing.refusal(), (400, "saml_metadata_fetch_failed"));
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_service_adds_providers() -> anyhow::Result<()> {
    let house = House::new(&[]).await?;
    let eve = super::sign_up(&house.server, "eve@example.com").await?;
    for method in [Method::GET, Method::POST] {
        let asked = request(&house.server, method, "/admin/sso/providers").json(&house.wanted());
        let reply = send(asked.bearer_auth(eve.text("access_token"))).await?;
        assert_eq!(reply.refusal(), (403, "not_admin"));
    }
    Ok(())
}
