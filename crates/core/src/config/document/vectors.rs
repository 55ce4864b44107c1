//! `vectors`: where vectors are kept.

use serde::{Deserialize, Serialize};

use crate::config::text::{BaseUrl, Credential};

/// Where vectors are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Vectors {
    /// In the gateway's own exact state: a Durable Object, SQLite on Spin.
    #[default]
    Embedded,
    /// In the host's own service: Vectorize (binding `VECTORS`) on Cloudflare, PostgreSQL with pgvector (variable
    /// `PGVECTOR_URL`) on Spin.
    Host,
    /// In Qdrant.
    Qdrant(Qdrant),
}

/// A Qdrant server or cluster, version 1.10 or later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Qdrant {
    /// Its address, such as `https://xyz.cloud.qdrant.io:6333`.
    pub url: BaseUrl,
    /// The secret or variable of the host that holds its key. Default: none is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Credential>,
    /// What names of its collections begin with: letters, digits, `-` and `_`; made when they are first needed, one for
    /// each length of vectors.
    #[serde(default = "collection")]
    pub collection: String,
}

fn collection() -> String {
    "sluice".to_owned()
}
