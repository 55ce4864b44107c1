//! A store embedded anew: beside what is searched, segment by segment, and switched at once.

use sluice_core::{
    gateway::{
        index::{self, IndexError},
        library::{self, Answer, Call},
    },
    index::{Place, Refusal},
    knowledge::record::{Next, Store},
    port::Host,
};

use crate::{
    Stop, Work,
    index::{stop, vectors},
};

/// The segments that are fetched together.
const SEGMENTS: u32 = 2;

/// How many calls the index may take to take out the old vectors, before somebody else does.
const TIDY: u32 = 20;

/// Brings the embedding anew of a store further, to its end if it is not large.
pub async fn reembed<H: Host>(work: &Work<'_, H>) -> Result<(), Stop> {
    let call = Call::Store(work.note.store.clone(), false);
    let Answer::Store(store) = library::ask(work.host, work.tenant(), call).await? else { return Ok(()) };
    let Some(mut next) = store.next.clone() else { return Ok(()) };
    match go_on(work, &store, &mut next).await {
        Ok(true) => Ok(()),
        Ok(false) => work.go_on().await,
        Err(why) => {
            let (Stop::Later(reason) | Stop::Never(_, reason)) = &why;
            next.problem = Some(reason.clone());
            tell(work, &store, Some(next), false).await?;
            Err(why)
        }
    }
}

/// True at the end.
async fn go_on<H: Host>(work: &Work<'_, H>, store: &Store, next: &mut Next) -> Result<bool, Stop> {
    let place = Place { tenant: work.tenant(), store: &store.id };
    let state = index::state(work.host, place).await.map_err(stop)?;
    if state.space.is_none() {
        // Nothing has come in yet: what comes is embedded by the next model from the start.
        tell(work, store, None, true).await?;
        return Ok(true);
    }
    // Vectors are compared within one space only, so the first text tells which one this will be.
    let space = work.gateway.embed(work.host, work.tenant(), &next.model, &["space"]).await?.space;
    if state.space.as_ref() != Some(&space) {
        index::reembed(work.host, place, &space).await.map_err(stop)?;
        let mut from = 0;
        loop {
            let (segments, more) = index::pending(work.host, place, from, SEGMENTS).await.map_err(stop)?;
            for segment in segments {
                let (made_by, vectors) = vectors(work, &next.model, &segment.chunks).await?;
                if made_by != space {
                    return Err(Stop::Later(format!(
                        "`{}` answers with different models' vectors",
                        next.model
                    )));
                }
                next.done = next.done.saturating_add(segment.chunks.len() as u64);
                index::elsewhere::revector(
                    work.host,
                    &work.config.vectors,
                    place,
                    &space,
                    &segment,
                    &vectors,
                )
                .await
                .map_err(stop)?;
            }
            let Some(more) = more else { break };
            from = more;
            if work.is_over() {
                next.problem = None;
                tell(work, store, Some(next.clone()), false).await?;
                return Ok(false);
            }
        }
        match index::elsewhere::switch(work.host, &work.config.vectors, place, &space).await {
            Ok(_) => {}
            // Something came in beside us.
            Err(IndexError::Refused(Refusal::Pending(_))) => return Ok(false),
            Err(error) => return Err(stop(error)),
        }
    }
    tell(work, store, None, true).await?;
    index::elsewhere::tidy(work.host, &work.config.vectors, place, TIDY).await.map_err(stop)?;
    Ok(true)
}

/// Writes down how far it is. `switch` makes the next model the store's.
async fn tell<H: Host>(
    work: &Work<'_, H>,
    store: &Store,
    next: Option<Next>,
    switch: bool,
) -> Result<(), Stop> {
    let call = Call::Reembed { store: store.id.clone(), next, switch };
    library::ask(work.host, work.tenant(), call).await?;
    Ok(())
}
