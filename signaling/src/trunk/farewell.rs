//! Registrations that are taken back, because the configuration has their trunk no more or another address for it (RFC 3261 section 10.2.2).
//!
//! Each is a REGISTER that asks for nothing, and again with a proof when it is challenged. What comes of it changes nothing here: a provider that cannot be
//! reached forgets by itself when the time it granted is over.

use super::line::Registrar;
use crate::{
    effect::Effects,
    limits::FAREWELLS_MAX,
    message::Message,
    settings::Trunk,
    transaction::{ClientId, Stack},
};
use contract::Instant;
use std::{collections::BTreeMap, sync::Arc};

/// All that are under way, by the transaction they wait for.
#[derive(Debug, Default)]
pub(super) struct Farewells(BTreeMap<ClientId, (Arc<Trunk>, Registrar)>);

impl Farewells {
    /// Takes a registration back.
    pub(super) fn say(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        (trunk, mut registrar): (Arc<Trunk>, Registrar),
    ) {
        if self.0.len() >= FAREWELLS_MAX {
            return;
        }
        registrar.begin();
        self.send(now, stack, out, (trunk, registrar));
    }

    fn send(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        (trunk, mut registrar): (Arc<Trunk>, Registrar),
    ) {
        if let Some(id) = registrar.send(now, stack, out, &trunk, 0) {
            self.0.insert(id, (trunk, registrar));
        }
    }

    /// An answer. `false`: it is to nothing of this.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        stack: &mut Stack,
        out: &mut Effects,
        id: ClientId,
        response: &Message<'_>,
    ) -> bool {
        let status = response.status().unwrap_or(0);
        if status < 200 {
            return self.0.contains_key(&id);
        }
        let Some((trunk, mut registrar)) = self.0.remove(&id) else { return false };
        if matches!(status, 401 | 407) && registrar.challenged(response, stack.random()) {
            self.send(now, stack, out, (trunk, registrar));
        }
        true
    }

    /// There will be no answer. `false`: it was to nothing of this.
    pub(super) fn failed(&mut self, id: ClientId) -> bool {
        self.0.remove(&id).is_some()
    }
}
