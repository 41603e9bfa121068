//! Work that goes on while something else is waited for.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

type Work<'w, T> = Pin<Box<dyn Future<Output = T> + Send + 'w>>;

/// Pieces of work in the order in which they are needed.
pub(super) struct Ahead<'w, T> {
    slots: VecDeque<Slot<'w, T>>,
}

enum Slot<'w, T> {
    Working(Work<'w, T>),
    Done(T),
}

impl<'w, T: Send> Ahead<'w, T> {
    pub(super) fn new() -> Self {
        Self { slots: VecDeque::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn push(&mut self, work: impl Future<Output = T> + Send + 'w) {
        self.slots.push_back(Slot::Working(Box::pin(work)));
    }

    /// What the oldest piece comes to; the others go on meanwhile. `None` when there is none.
    pub(super) async fn next(&mut self) -> Option<T> {
        match self.slots.pop_front()? {
            Slot::Done(value) => Some(value),
            Slot::Working(work) => Some(self.beside(work).await),
        }
    }

    /// Does something else; the pieces go on meanwhile.
    pub(super) async fn beside<U>(&mut self, other: impl Future<Output = U>) -> U {
        let mut other = pin!(other);
        poll_fn(|context| {
            if let Poll::Ready(value) = other.as_mut().poll(context) {
                return Poll::Ready(value);
            }
            self.go_on(context);
            Poll::Pending
        })
        .await
    }

    fn go_on(&mut self, context: &mut Context<'_>) {
        for slot in &mut self.slots {
            if let Slot::Working(work) = slot
                && let Poll::Ready(value) = work.as_mut().poll(context)
            {
                *slot = Slot::Done(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_goes_on_while_something_else_is_waited_for_and_keeps_its_order() {
        let steps = AtomicUsize::new(0);
        let mut ahead = Ahead::new();
        for number in 0..3 {
            let steps = &steps;
            ahead.push(async move {
                for _ in 0..(3 - number) {
                    tokio::task::yield_now().await;
                }
                steps.fetch_add(1, Ordering::SeqCst);
                number
            });
        }
        let other = async {
            while steps.load(Ordering::SeqCst) < 3 {
                tokio::task::yield_now().await;
            }
            "other"
        };
        assert_eq!(ahead.beside(other).await, "other");
        for number in 0..3 {
            assert_eq!(ahead.next().await, Some(number));
        }
        assert_eq!(ahead.next().await, None);
    }
}
