//! `Vectors`: Vectorize, binding `VECTORS`. What its methods take and give crosses as JSON text: maps of ours would arrive as
//! something else. What that JSON is stands in `sluice_core::vectors::vectorize`.

use js_sys::{JSON, Promise};
use sluice_core::{
    port::Vectors,
    vectors::{
        Namespace, Near, Nearest, Point, VectorsError,
        vectorize::{self, problem},
    },
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::Worker;

/// The binding's name in wrangler.toml.
const BINDING: &str = "VECTORS";

#[wasm_bindgen]
extern "C" {
    type Vectorize;

    #[wasm_bindgen(method, catch)]
    fn upsert(this: &Vectorize, points: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = deleteByIds)]
    fn delete_by_ids(this: &Vectorize, ids: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn query(this: &Vectorize, vector: &JsValue, options: &JsValue) -> Result<Promise, JsValue>;
}

fn failed(thrown: JsValue) -> VectorsError {
    let message = js_sys::Reflect::get(&thrown, &"message".into()).ok().and_then(|text| text.as_string());
    problem(&message.unwrap_or_else(|| format!("{thrown:?}")))
}

fn parse(json: &str) -> Result<JsValue, VectorsError> {
    JSON::parse(json).map_err(failed)
}

impl Worker {
    fn vectorize(&self) -> Result<Vectorize, VectorsError> {
        let found = js_sys::Reflect::get(&self.env, &BINDING.into()).map_err(failed)?;
        if found.is_undefined() {
            let what = "no Vectorize index is bound as VECTORS: bind one in wrangler.toml, or set `vectors` to \
                        `embedded` or `qdrant` in sluice.yaml";
            return Err(VectorsError::Absent(what.to_owned()));
        }
        Ok(found.unchecked_into())
    }
}

impl Vectors for Worker {
    async fn upsert(&self, space: &Namespace, points: &[Point]) -> Result<(), VectorsError> {
        let points = parse(&vectorize::upsert(space, points)?)?;
        let promise = self.vectorize()?.upsert(&points).map_err(failed)?;
        JsFuture::from(promise).await.map(|_| ()).map_err(failed)
    }

    async fn remove(&self, space: &Namespace, ids: &[String]) -> Result<(), VectorsError> {
        let ids = parse(&vectorize::remove(space, ids))?;
        let promise = self.vectorize()?.delete_by_ids(&ids).map_err(failed)?;
        JsFuture::from(promise).await.map(|_| ()).map_err(failed)
    }

    async fn nearest(&self, space: &Namespace, wanted: &Nearest) -> Result<Vec<Near>, VectorsError> {
        let (vector, options) = vectorize::nearest(space, wanted);
        let (vector, options) = (parse(&vector)?, parse(&options)?);
        let promise = self.vectorize()?.query(&vector, &options).map_err(failed)?;
        let matches = JsFuture::from(promise).await.map_err(failed)?;
        let matches = JSON::stringify(&matches).map_err(failed)?;
        vectorize::found(space, wanted, &String::from(matches))
    }
}
