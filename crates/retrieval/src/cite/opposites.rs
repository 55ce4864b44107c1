//! Words that say the opposite of each other, in English.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
};

use crate::terms::{self, Term};

/// Opposites, `/` between the sides; words of one side, `=` between them, say about the same.
const PAIRS: &str = "rise=rose=risen=increase=grow=grew=growth=gain=climb=up/fall=fell=fallen=decrease=decline=drop=shrink=shrank=loss=down=reduce=cut=lower \
raise=raised/lower=lowered=cut=reduce high=higher=highest/low=lower=lowest large=larger=largest=big=bigger=biggest/small=smaller=smallest=little \
long=longer=longest/short=shorter=shortest more/less=fewer most/least maximum=most/minimum=least above=over/below=under before/after early=earlier/late=later \
first/last begin=start=open/end=stop=close=finish open/closed=shut inside/outside north=northern/south=southern east=eastern/west=western left/right up/down \
allow=permit=may=can/forbid=forbidden=prohibit=ban=reject=refuse accept=approve/reject=refuse=deny recommend/forbid=avoid=discourage must=require=need=mandatory/optional=voluntary \
enable=on=activate/disable=off=deactivate=inhibit=block activate=stimulate=promote/inhibit=block=suppress=prevent include/exclude with/without \
always/never all=every=everyone/none=nobody some/none only/also hot=warm/cold=cool fast=faster=quick/slow=slower strong=stronger/weak=weaker hard=difficult/easy=simple \
safe/dangerous=unsafe=harmful true=correct=right/false=incorrect=wrong valid/invalid=expired win=won/lose=lost buy=bought/sell=sold import/export give=gave/take=took \
send/receive lend/borrow add/remove=delete create/destroy=delete keep=kept=remain/lose=lost=drop=discard same/different=other public/private free/paid=charged \
day/night morning/evening winter/summer new=newer=newest=young/old=older=oldest rich/poor full/empty heavy/light thick/thin dense/sparse=thin wide/narrow deep/shallow \
landlord/tenant buyer/seller employer/employee teacher/student parent/child doctor/patient adult/child gentle=gentler/harsh=harsher stable=stabilise/unstable=destabilise \
stabilise=stabilize/degrade=degradation bind/release absorb/emit expand=extend/contract=shrink attack/defend agree/disagree success=succeed/failure=fail profit/loss \
better=best=improve/worse=worst=worsen positive/negative active/inactive=passive legal/illegal possible/impossible known/unknown direct/indirect temporary/permanent \
automatic/manual internal/external local/remote upper/lower red/green=blue=yellow immediately=once/later=gradually gain=gained/lose=lost alive/dead=extinct";

/// The opposites of a term, as terms.
pub(super) fn of(term: Term) -> Option<&'static HashSet<Term>> {
    static TABLE: OnceLock<HashMap<Term, HashSet<Term>>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut table: HashMap<Term, HashSet<Term>> = HashMap::new();
        for pair in PAIRS.split_whitespace() {
            let Some((one, other)) = pair.split_once('/') else { continue };
            let side = |side: &str| side.split('=').flat_map(terms::hashes).collect::<Vec<Term>>();
            let (one, other) = (side(one), side(other));
            for (these, those) in [(&one, &other), (&other, &one)] {
                these.iter().for_each(|term| table.entry(*term).or_default().extend(those.iter().copied()));
            }
        }
        table
    });
    table.get(&term)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposites_are_opposite_both_ways_and_in_every_form() {
        let term = |word: &str| terms::hashes(word)[0];
        for (one, other) in [
            ("increased", "declining"),
            ("north", "southern"),
            ("allows", "forbidden"),
            ("inhibits", "activated"),
        ] {
            assert!(of(term(one)).unwrap().contains(&term(other)), "{one} {other}");
            assert!(of(term(other)).unwrap().contains(&term(one)), "{other} {one}");
        }
        assert_eq!(of(term("lighthouse")), None);
    }
}
