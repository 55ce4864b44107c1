//! Files, stores, members and batches in OpenAI's shape. Times are seconds there.

use serde_json::{Value, json};
use sluice_types::{knowledge::Passage, time::Timestamp};

use super::record::{Batch, Chunking, Counts, File, Member, Store};

fn seconds(time: Timestamp) -> u64 {
    time.0 / 1_000
}

/// An upload.
pub fn file(file: &File) -> Value {
    json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": seconds(file.created_at),
        "expires_at": file.expires_at.map(seconds),
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": null,
    })
}

fn counts(counts: &Counts) -> Value {
    json!({
        "in_progress": counts.in_progress,
        "completed": counts.completed,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "total": counts.total(),
    })
}

/// A store at `now`.
pub fn store(store: &Store, now: Timestamp) -> Value {
    let status = if store.has_expired(now) {
        "expired"
    } else if 0 < store.counts.in_progress {
        "in_progress"
    } else {
        "completed"
    };
    let next = store.next.as_ref().map(
        |next| json!({"embedding_model": next.model, "chunks_done": next.done, "problem": next.problem}),
    );
    json!({
        "id": store.id,
        "object": "vector_store",
        "created_at": seconds(store.created_at),
        "name": store.name,
        "description": store.description,
        "usage_bytes": store.usage_bytes,
        "file_counts": counts(&store.counts),
        "status": status,
        "expires_after": store.expires_after_days.map(|days| json!({"anchor": "last_active_at", "days": days})),
        "expires_at": store.expires_at().map(seconds),
        "last_active_at": seconds(store.active_at),
        "metadata": store.metadata,
        "sluice": {"embedding_model": store.model, "reembedding": next},
    })
}

fn chunking(chunking: Chunking) -> Value {
    json!({
        "type": "static",
        "static": {"max_chunk_size_tokens": chunking.max, "chunk_overlap_tokens": chunking.overlap},
    })
}

/// A file in a store.
pub fn member(member: &Member) -> Value {
    let fault = member.fault.as_ref();
    json!({
        "id": member.file,
        "object": "vector_store.file",
        "usage_bytes": member.usage_bytes,
        "created_at": seconds(member.attached_at),
        "vector_store_id": member.store,
        "status": member.status,
        "last_error": fault.map(|fault| json!({"code": fault.code, "message": fault.message})),
        "attributes": member.attributes,
        "chunking_strategy": chunking(member.chunking),
        "sluice": {
            "stage": member.stage(),
            "percent": member.percent(),
            "chunks": member.cut.map(|cut| cut.chunks),
            "chunks_done": member.done,
        },
    })
}

/// Files that were put into a store together.
pub fn batch(batch: &Batch) -> Value {
    json!({
        "id": batch.id,
        "object": "vector_store.files_batch",
        "created_at": seconds(batch.created_at),
        "vector_store_id": batch.store,
        "status": batch.status(),
        "file_counts": counts(&batch.counts),
    })
}

/// What is told of a thing that was deleted.
pub fn deleted(id: &str, object: &str) -> Value {
    json!({"id": id, "object": object, "deleted": true})
}

/// A page of a list.
pub fn list(data: Vec<Value>, more: bool) -> Value {
    let id = |item: Option<&Value>| item.and_then(|item| item.get("id")).cloned().unwrap_or_default();
    let (first, last) = (id(data.first()), id(data.last()));
    json!({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more})
}

/// The text of a file in a store, chunk by chunk.
pub fn content(texts: impl IntoIterator<Item = String>) -> Value {
    let data: Vec<Value> = texts.into_iter().map(|text| json!({"type": "text", "text": text})).collect();
    json!({
        "object": "vector_store.file_content.page",
        "data": data,
        "has_more": false,
        "next_page": null,
    })
}

/// What a search found.
pub fn found(queries: &[String], passages: &[Passage]) -> Value {
    let data: Vec<Value> = passages.iter().map(passage).collect();
    json!({
        "object": "vector_store.search_results.page",
        "search_query": queries,
        "data": data,
        "has_more": false,
        "next_page": null,
    })
}

fn passage(passage: &Passage) -> Value {
    let chunk = &passage.chunk;
    json!({
        "file_id": passage.file,
        "filename": passage.filename,
        "score": passage.score,
        "attributes": passage.attributes,
        "content": [{"type": "text", "text": chunk.text}],
        "sluice": {
            "chunk": chunk.ordinal,
            "headings": chunk.headings,
            "page": chunk.page,
            "start": chunk.start,
            "end": chunk.end,
        },
    })
}
