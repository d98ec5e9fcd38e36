//! Texts become vectors: somebody else's model is asked, and the answer handed to the database.

use std::time::Duration;

use http::{Request, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::store::Job;
use super::{Failure, SetupError};
use crate::config::EmbeddingSettings;
use crate::http::Outbound;

/// Kind of these jobs.
pub(super) const KIND: &str = "embed";

/// What such a job says; what else is in it is for whoever hears the answer.
#[derive(Deserialize)]
struct Question {
    texts: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    index: usize,
    embedding: Vec<f32>,
}

/// Asks a model.
pub(super) struct Model {
    url: String,
    pub name: String,
    key: Option<String>,
    outbound: Outbound,
}

impl Model {
    /// Nothing without a URL.
    pub(super) fn new(settings: &EmbeddingSettings) -> Result<Option<Self>, SetupError> {
        let Some(url) = &settings.embedding_url else { return Ok(None) };
        // Whoever sets it means it, wherever it leads.
        let host = url::Url::parse(url).ok().and_then(|url| Some(url.host()?.to_string()));
        let host = host.ok_or(SetupError::EmbeddingUrl)?;
        let outbound = Outbound::new([host.trim_matches(['[', ']']).to_owned()])
            .with_time_limit(Duration::from_secs(settings.embedding_timeout_seconds));
        outbound.check(url).map_err(|_| SetupError::EmbeddingUrl)?;
        let (name, key) = (settings.embedding_model.clone(), settings.embedding_key.clone());
        Ok(Some(Self { url: url.clone(), name, key, outbound }))
    }

    /// Gives one vector for each text: `{"model": ..., "vectors": [[...], ...]}`.
    pub(super) async fn ask(&self, job: &Job) -> Result<Value, Failure> {
        let question: Question = serde_json::from_value(job.payload.clone())
            .map_err(|_| Failure::lasting("the payload has no texts"))?;
        let body = json!({ "model": self.name, "input": question.texts }).to_string();
        let mut request = Request::post(&self.url).header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request
            .body(body.into_bytes())
            .map_err(|_| Failure::lasting("the question cannot be written"))?;
        let answer = self.outbound.send(request).await;
        let answer = answer.map_err(|error| Failure::passing(error.to_string()))?;
        if !answer.status().is_success() {
            let status = answer.status().as_u16();
            return Err(Failure::passing(format!("the model's server refused with {status}")));
        }
        let vectors = read(answer.body(), question.texts.len())
            .ok_or_else(|| Failure::passing("the model's answer does not read".into()))?;
        Ok(json!({ "model": self.name, "vectors": vectors }))
    }
}

/// The vectors in the order of the texts; nothing when there is not one for each.
fn read(body: &[u8], texts: usize) -> Option<Vec<Vec<f32>>> {
    let mut answer: Answer = serde_json::from_slice(body).ok()?;
    answer.data.sort_by_key(|vector| vector.index);
    let is_whole = answer.data.iter().map(|vector| vector.index).eq(0..texts);
    is_whole.then(|| answer.data.into_iter().map(|vector| vector.embedding).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_has_one_vector_for_each_text() {
        let body = br#"{"data": [{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}]}"#;
        assert_eq!(read(body, 2), Some(vec![vec![1.0], vec![2.0]]));
        assert_eq!(read(body, 1), None);
        assert_eq!(read(body, 3), None);
        assert_eq!(read(b"{}", 0), None);
    }
}
