//! Lists: `?limit=&after=`, `{"items": [...], "next": "..."}`.

use super::problem::{FieldError, Problem};
use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, request::Parts},
};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Items of one page unless asked otherwise.
pub const LIMIT_DEFAULT: usize = 100;

/// Most items of one page.
pub const LIMIT_MAX: usize = 1_000;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Query parameters, read one by one so that every fault is told at once.
pub struct Parameters {
    given: BTreeMap<String, String>,
    faults: Vec<FieldError>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(given)) => Ok(Self::new(given)),
            Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "The query cannot be read.")),
        }
    }
}

impl Parameters {
    /// These parameters.
    #[must_use]
    pub fn new(given: BTreeMap<String, String>) -> Self {
        Self { given, faults: Vec::new() }
    }

    /// Takes one out as it is.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.given.remove(name).filter(|text| !text.is_empty())
    }

    /// Takes one out and reads it; `wanted` says what would be right.
    pub fn read<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let value = read(&text);
        if value.is_none() {
            self.faults.push(FieldError::new(name, format!("not understood; {wanted} would be right")));
        }
        value
    }

    /// Takes `limit` out.
    pub fn limit(&mut self) -> usize {
        let wanted = format!("a number from 1 to {LIMIT_MAX}");
        let read = |text: &str| text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        self.read("limit", &wanted, read).unwrap_or(LIMIT_DEFAULT)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When parameters were wrong, or are left that nobody knows.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.faults.extend(self.given.into_keys().map(|name| FieldError::new(name, "no such parameter here")));
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::parameters(self.faults)) }
    }
}

/// Cuts one page out of a whole list: at most `limit` items after the one whose key is `after`.
/// A key that is gone continues where it would stand, by `is_after(key, item)`.
pub fn cut<T>(
    all: Vec<T>,
    limit: usize,
    after: Option<&str>,
    key: impl Fn(&T) -> String,
    is_after: impl Fn(&str, &T) -> bool,
) -> Page<T> {
    let mut rest = all.into_iter().filter(|item| after.is_none_or(|after| is_after(after, item))).peekable();
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let next = rest.peek().and(items.last()).map(key);
    Page { items, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(given: &[(&str, &str)]) -> Parameters {
        Parameters::new(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn every_wrong_parameter_is_named_at_once() {
        let mut wrong = parameters(&[("limit", "0"), ("colour", "red")]);
        assert_eq!(wrong.limit(), LIMIT_DEFAULT);
        let problem = wrong.finish().unwrap_err();
        let names: Vec<_> = problem.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(names, ["limit", "colour"]);
    }

    #[test]
    fn pages_join_to_the_whole_list() {
        let all: Vec<u32> = (0..25).rev().collect();
        let (mut seen, mut after): (Vec<u32>, Option<String>) = (Vec::new(), None);
        loop {
            let page = cut(all.clone(), 10, after.as_deref(), u32::to_string, |after, item| {
                after.parse::<u32>().is_ok_and(|after| *item < after)
            });
            seen.extend(&page.items);
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_page_that_ends_the_list_exactly_has_no_next() {
        let page = cut(vec![3, 2, 1], 3, None, u32::to_string, |_, _| true);
        assert_eq!((page.items.len(), page.next), (3, None));
    }
}
