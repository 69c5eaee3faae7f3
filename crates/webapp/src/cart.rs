//! A shopper's session, and what each operation makes of it. Pure.

use protocol::app::{CartView, KEYS_REMEMBERED, MAX_LINES};
use serde::{Deserialize, Serialize};

/// All that a session holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cart {
    owner: String,
    epoch: u64,
    version: u64,
    ops: Vec<String>,
    /// The latest operations that came with an idempotency key, oldest first. Lines alone would not do: a check-out clears them,
    /// and is no line itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keyed: Vec<String>,
}

/// The cart holds [`MAX_LINES`] already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Cart {
    /// The session after a login: its epoch counted up, its cart empty whoever filled it before.
    pub(crate) fn after_login(before: Option<Cart>, owner: String) -> Self {
        let (epoch, version) = before.map_or((0, 0), |cart| (cart.epoch, cart.version));
        Self { owner, epoch: epoch + 1, version: version + 1, ops: Vec::new(), keyed: Vec::new() }
    }

    /// Appends the operation as a line. The same one twice makes two lines: whoever retries has to know.
    pub(crate) fn add_line(&mut self, op: String) -> Result<(), Full> {
        if self.ops.len() >= MAX_LINES {
            return Err(Full);
        }
        self.ops.push(op);
        self.version += 1;
        Ok(())
    }

    /// Whether an operation came before, with a key.
    pub(crate) fn has_done(&self, op: &str) -> bool {
        self.keyed.iter().any(|done| done == op)
    }

    /// Remembers an operation that came with a key.
    pub(crate) fn remember(&mut self, op: String) {
        if self.keyed.len() >= KEYS_REMEMBERED {
            self.keyed.drain(..=self.keyed.len() - KEYS_REMEMBERED);
        }
        self.keyed.push(op);
    }

    /// Empties the cart.
    pub(crate) fn check_out(&mut self) {
        self.ops.clear();
        self.version += 1;
    }

    /// How every cart of this owner begins where it is stored, after its brace.
    pub(crate) fn mark_of(owner: &str) -> String {
        format!("\"owner\":{}", serde_json::Value::from(owner))
    }

    /// Epoch, version and number of lines, if it is this owner's.
    pub(crate) fn metadata_of(&self, owner: &str) -> Option<(u64, u64, u64)> {
        (self.owner == owner).then_some((self.epoch, self.version, self.ops.len() as u64))
    }

    /// What the client is shown.
    pub(crate) fn into_view(self, server: &str) -> CartView {
        CartView {
            owner: Some(self.owner),
            epoch: self.epoch,
            version: self.version,
            ops: self.ops,
            server: server.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_counts_the_epoch_and_empties_the_cart_even_of_the_same_owner() {
        let mut cart = Cart::after_login(None, "ada".to_owned());
        cart.add_line("a".to_owned()).unwrap();
        let cart = Cart::after_login(Some(cart), "ada".to_owned()).into_view("s1");
        assert_eq!((cart.epoch, cart.version, cart.ops.len()), (2, 3, 0));
    }

    #[test]
    fn every_write_counts_the_version_and_an_operation_sent_twice_is_there_twice() {
        let mut cart = Cart::after_login(None, "ada".to_owned());
        for op in ["a", "b", "b"] {
            cart.add_line(op.to_owned()).unwrap();
        }
        let seen = cart.clone().into_view("s1");
        assert_eq!((seen.version, seen.ops), (4, vec!["a".to_owned(), "b".to_owned(), "b".to_owned()]));
        cart.check_out();
        let seen = cart.into_view("s1");
        assert_eq!((seen.epoch, seen.version, seen.ops.len()), (1, 5, 0));
    }

    #[test]
    fn the_latest_keys_are_remembered_over_a_check_out_and_forgotten_with_a_login() {
        let mut cart = Cart::after_login(None, "ada".to_owned());
        for op in 0..=KEYS_REMEMBERED {
            cart.remember(op.to_string());
        }
        cart.check_out();
        assert!(!cart.has_done("0") && cart.has_done("1") && cart.has_done(&KEYS_REMEMBERED.to_string()));
        assert!(!Cart::after_login(Some(cart), "ada".to_owned()).has_done("1"));
    }

    #[test]
    fn whatever_its_owner_is_called_a_cart_bears_the_mark_of_its_owner_and_of_nobody_else() {
        for owner in ["ada", "a\"b\\", "\u{e4}\u{1f600}\n", "\",\"owner\":\"bob"] {
            let stored = serde_json::to_string(&Cart::after_login(None, owner.to_owned())).unwrap();
            assert!(stored.contains(&Cart::mark_of(owner)), "{stored} lacks {}", Cart::mark_of(owner));
            assert!(!stored.contains(&Cart::mark_of("bob")), "{stored}");
            let cart: Cart = serde_json::from_str(&stored).unwrap();
            assert_eq!((cart.metadata_of(owner), cart.metadata_of("bob")), (Some((1, 1, 0)), None));
        }
    }

    #[test]
    fn a_full_cart_takes_no_more_and_is_not_changed_by_the_attempt() {
        let mut cart = Cart::after_login(None, "ada".to_owned());
        for line in 0..MAX_LINES {
            cart.add_line(line.to_string()).unwrap();
        }
        let before = cart.clone();
        assert_eq!(cart.add_line("one more".to_owned()), Err(Full));
        assert_eq!(cart, before);
    }
}
