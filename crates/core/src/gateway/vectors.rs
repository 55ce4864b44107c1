//! Where vectors are kept, by the configuration: in objects of the gateway's own, in Qdrant, or with the host.

mod object;
pub mod pgvector;
mod qdrant;

pub(super) use self::object::answer;
use crate::{
    config::document,
    port::{Host, Vectors},
    vectors::{Namespace, Near, Nearest, Point, VectorsError, check},
};

/// The service that the configuration names.
pub struct Service<'a, H> {
    host: &'a H,
    chosen: &'a document::Vectors,
}

impl<'a, H: Host> Service<'a, H> {
    /// The service that `chosen` names.
    pub fn new(host: &'a H, chosen: &'a document::Vectors) -> Self {
        Self { host, chosen }
    }
}

impl<H: Host> Vectors for Service<'_, H> {
    async fn upsert(&self, space: &Namespace, points: &[Point]) -> Result<(), VectorsError> {
        check(points)?;
        if points.is_empty() {
            return Ok(());
        }
        match self.chosen {
            document::Vectors::Embedded => object::upsert(self.host, space, points).await,
            document::Vectors::Host => self.host.upsert(space, points).await,
            document::Vectors::Qdrant(written) => qdrant::upsert(self.host, written, space, points).await,
        }
    }

    async fn remove(&self, space: &Namespace, ids: &[String]) -> Result<(), VectorsError> {
        if ids.is_empty() {
            return Ok(());
        }
        match self.chosen {
            document::Vectors::Embedded => object::remove(self.host, space, ids).await,
            document::Vectors::Host => self.host.remove(space, ids).await,
            document::Vectors::Qdrant(written) => qdrant::remove(self.host, written, space, ids).await,
        }
    }

    async fn nearest(&self, space: &Namespace, wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
        match self.chosen {
            document::Vectors::Embedded => object::nearest(self.host, space, wanted).await,
            document::Vectors::Host => self.host.nearest(space, wanted).await,
            document::Vectors::Qdrant(written) => qdrant::nearest(self.host, written, space, wanted).await,
        }
    }
}
