//! What each kind of probe does, step by step: honest steps to get a session, the try, and a look at what is left.
//!
//! A try is always sent to where the session is: with the router's own cookie beside it. Elsewhere a refusal would say nothing.

use super::forge::{flip, pieces};
use super::round::Round;
use journal::{Expected, Outcome, ProbeCookie};
use protocol::app::SESSION_COOKIE_SECURE;
use scenario::{Action, ProbeKind};

/// The eighths of a cookie in which a bit is flipped: what names the key, what makes it unique, what is inside, what seals it.
const FLIPPED: [usize; 4] = [0, 2, 5, 7];
/// The length of an id of 256 bits in base64.
const ID_LETTERS: usize = 43;
/// How heavy a line of an overgrown cart is.
const LINE_BYTES: usize = 100;
/// With these every session in a cookie is beyond what a browser keeps.
const MOST_LINES: usize = 64;

impl Round {
    /// Plays it to its end.
    ///
    /// # Errors
    /// What kept it from being carried out.
    pub(super) async fn play(&mut self) -> Result<(), String> {
        match self.probe.kind {
            ProbeKind::Tamper => self.tamper().await,
            ProbeKind::Fixation => {
                self.choose_an_id().await?;
                self.plant_a_cookie().await
            }
            ProbeKind::ReplayAfterLogOut => self.replay_after_log_out().await,
            ProbeKind::Rollback => self.roll_back().await,
            ProbeKind::Overgrow => self.overgrow().await,
        }
    }

    async fn tamper(&mut self) -> Result<(), String> {
        self.becomes("");
        self.does(Action::LogIn).await?;
        self.does(Action::Add).await?;
        let genuine = self.cookie()?;
        for eighth in FLIPPED {
            let flipped = flip(&genuine, eighth, &mut self.dice);
            let flipped = flipped.ok_or("the session's cookie is too short to be tampered with")?;
            self.tries(Action::Read, ProbeCookie::BitFlipped, &flipped).await;
        }
        for piece in pieces(&genuine) {
            self.tries(Action::Read, ProbeCookie::Cut, &piece).await;
        }
        let forged = self.dice.text(genuine.len());
        self.tries(Action::Read, ProbeCookie::Forged, &forged).await;
        self.tries(Action::Add, ProbeCookie::Forged, &forged).await;
        self.tries_as(SESSION_COOKIE_SECURE, Action::Read, ProbeCookie::Renamed, &genuine).await;
        let spec = std::rc::Rc::clone(&self.spec);
        let strangers = spec.strangers.as_ref().ok_or("there is no cookie of a stranger")?;
        self.tries(Action::Read, ProbeCookie::OtherKey, &strangers.other_key).await;
        self.tries(Action::Read, ProbeCookie::OtherTier, &strangers.other_tier).await;
        // The genuine one is as good as it was; had it not been good, none of the refusals would say anything.
        self.does(Action::Read).await
    }

    /// The victim's browser sends an id that somebody chose for it.
    async fn choose_an_id(&mut self) -> Result<(), String> {
        let chosen = self.dice.text(ID_LETTERS);
        self.becomes("-chosen");
        self.tries(Action::Read, ProbeCookie::Chosen, &chosen).await;
        self.put(&chosen);
        self.logs_in_over(ProbeCookie::Chosen).await?;
        self.does(Action::Read).await?;
        self.tries(Action::Read, ProbeCookie::Chosen, &chosen).await;
        Ok(())
    }

    /// The victim's browser sends the attacker's own cookie.
    async fn plant_a_cookie(&mut self) -> Result<(), String> {
        self.becomes("-attacker");
        self.does(Action::LogIn).await?;
        let (planted, attacker) = (self.cookie()?, self.browser());
        self.becomes("-victim");
        self.sits_at(attacker);
        self.logs_in_over(ProbeCookie::Planted).await?;
        self.does(Action::Read).await?;
        self.tries(Action::Read, ProbeCookie::Copied, &planted).await;
        self.does(Action::Read).await
    }

    /// A log-in with a session cookie in the browser already: a try, for the cookie must be another one afterwards.
    async fn logs_in_over(&mut self, cookie: ProbeCookie) -> Result<(), String> {
        let asked = self.ask(Action::LogIn, cookie, Expected::Refused, 0).await;
        match asked.outcome {
            Outcome::Ok => Ok(()),
            _ => Err("the victim could not log in".to_owned()),
        }
    }

    async fn replay_after_log_out(&mut self) -> Result<(), String> {
        self.becomes("");
        self.does(Action::LogIn).await?;
        self.does(Action::Add).await?;
        self.does(Action::Read).await?;
        let copied = self.cookie()?;
        self.does(Action::LogOut).await?;
        self.tries(Action::Read, ProbeCookie::Copied, &copied).await;
        self.tries(Action::Add, ProbeCookie::Copied, &copied).await;
        Ok(())
    }

    /// A coupon is spent, and an older cookie brings it back.
    async fn roll_back(&mut self) -> Result<(), String> {
        self.becomes("");
        self.does(Action::LogIn).await?;
        self.does(Action::Add).await?;
        let copied = self.cookie()?;
        self.does(Action::CheckOut).await?;
        self.does(Action::Read).await?;
        self.tries(Action::Read, ProbeCookie::Copied, &copied).await;
        Ok(())
    }

    /// As a browser does it: what is too large is ignored, and the next request carries what there was before.
    async fn overgrow(&mut self) -> Result<(), String> {
        self.becomes("");
        self.does(Action::LogIn).await?;
        for _ in 0..MOST_LINES {
            if !self.adds(LINE_BYTES).await {
                break;
            }
        }
        self.does(Action::Read).await
    }
}
