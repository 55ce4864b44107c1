//! `Vectors`: none yet.

use sluice_core::{
    port::Vectors,
    vectors::{Namespace, Near, Nearest, Point, VectorsError},
};

use crate::Spin;

fn absent<T>() -> Result<T, VectorsError> {
    let what = "this host has no vectors of its own: set `vectors` to `embedded` or `qdrant` in sluice.yaml";
    Err(VectorsError::Absent(what.to_owned()))
}

impl Vectors for Spin {
    async fn upsert(&self, _space: &Namespace, _points: &[Point]) -> Result<(), VectorsError> {
        absent()
    }

    async fn remove(&self, _space: &Namespace, _ids: &[String]) -> Result<(), VectorsError> {
        absent()
    }

    async fn nearest(&self, _space: &Namespace, _wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
        absent()
    }
}
