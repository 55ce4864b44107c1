//! `Clock`: the isolate's, which stands still between two calls to the world.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use sluice_core::port::Clock;
use sluice_types::time::Timestamp;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::WorkerGlobalScope;

use crate::Worker;

impl Clock for Worker {
    fn now(&self) -> Timestamp {
        Timestamp(js_sys::Date::now() as u64)
    }

    async fn sleep(&self, span: Duration) {
        Timer { span, set: None }.await;
    }
}

/// A timeout of the platform's. It may be polled from one task after another, as a stream's clock is, one for each of
/// the caller's reads: the last one is woken. (`worker::Delay` wakes the first.)
struct Timer {
    span: Duration,
    set: Option<Set>,
}

struct Set {
    id: i32,
    state: Rc<RefCell<State>>,
    _fire: Closure<dyn FnMut()>,
}

#[derive(Default)]
struct State {
    fired: bool,
    waker: Option<Waker>,
}

impl Set {
    fn new(span: Duration) -> Option<Self> {
        let state = Rc::new(RefCell::new(State::default()));
        let fired = state.clone();
        let fire = Closure::<dyn FnMut()>::new(move || {
            let waker = {
                let mut state = fired.borrow_mut();
                state.fired = true;
                state.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        });
        let millis = i32::try_from(span.as_millis()).unwrap_or(i32::MAX);
        let id = scope()
            .set_timeout_with_callback_and_timeout_and_arguments_0(fire.as_ref().unchecked_ref(), millis)
            .ok()?;
        Some(Self { id, state, _fire: fire })
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.set.is_none() {
            self.set = Set::new(self.span);
        }
        // A platform that sets no timers would let everything wait for ever: better that nothing does.
        let Some(set) = &self.set else { return Poll::Ready(()) };
        let mut state = set.state.borrow_mut();
        if state.fired {
            return Poll::Ready(());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(set) = self.set.take().filter(|set| !set.state.borrow().fired) {
            scope().clear_timeout_with_handle(set.id);
        }
    }
}

fn scope() -> WorkerGlobalScope {
    js_sys::global().unchecked_into()
}
