//! How large a picture becomes, and which part of it is kept: arithmetic, without a picture.

use super::transformation::{Fit, Gravity, LONGEST_SIDE, Transformation};

/// Two steps: scale the whole to `scaled`, then cut `kept` out of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub scaled: (u32, u32),
    pub kept: (u32, u32),
}

/// A factor, as two whole numbers.
#[derive(Clone, Copy)]
struct Ratio(u32, u32);

impl Ratio {
    const ONE: Self = Self(1, 1);

    fn is_less(self, other: Self) -> bool {
        u64::from(self.0) * u64::from(other.1) < u64::from(other.0) * u64::from(self.1)
    }

    fn min(self, other: Self) -> Self {
        if self.is_less(other) { self } else { other }
    }

    fn max(self, other: Self) -> Self {
        if self.is_less(other) { other } else { self }
    }

    /// That part of a side, rounded, and never nothing.
    fn of(self, side: u32) -> u32 {
        let (part, whole) = (u64::from(self.0), u64::from(self.1).max(1));
        let scaled = (u64::from(side) * part + whole / 2) / whole;
        u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
    }
}

/// The plan for a picture of this size, as it is looked at. Nothing is ever made larger: a
/// picture smaller than asked for keeps its size, and only its shape may change.
pub fn plan(source: (u32, u32), asked: &Transformation) -> Plan {
    let (width, height) = source;
    let across = asked.width.map(|side| Ratio(side, width));
    let down = asked.height.map(|side| Ratio(side, height));
    let both = [across, down].into_iter().flatten();
    let plan = match asked.fit {
        Fit::Contain => {
            let scale = both.fold(Ratio::ONE, Ratio::min);
            whole((scale.of(width), scale.of(height)))
        }
        Fit::Cover => {
            let scale = both.reduce(Ratio::max).unwrap_or(Ratio::ONE).min(Ratio::ONE);
            let scaled = (scale.of(width), scale.of(height));
            let within = |side: u32, most: Option<u32>| most.map_or(side, |most| side.min(most));
            Plan { scaled, kept: (within(scaled.0, asked.width), within(scaled.1, asked.height)) }
        }
        Fit::Fill => {
            let wanted = (asked.width.unwrap_or(width), asked.height.unwrap_or(height));
            // Where one side would grow, both become smaller: the shape asked for stays.
            let shrink = Ratio(width, wanted.0).min(Ratio(height, wanted.1)).min(Ratio::ONE);
            whole((shrink.of(wanted.0), shrink.of(wanted.1)))
        }
    };
    bounded(plan)
}

fn whole(size: (u32, u32)) -> Plan {
    Plan { scaled: size, kept: size }
}

/// The same plan with no side of what is kept above the bound.
fn bounded(plan: Plan) -> Plan {
    let longest = plan.kept.0.max(plan.kept.1);
    if longest <= LONGEST_SIDE {
        return plan;
    }
    let shrink = |size: (u32, u32)| {
        let ratio = Ratio(LONGEST_SIDE, longest);
        (ratio.of(size.0), ratio.of(size.1))
    };
    Plan { scaled: shrink(plan.scaled), kept: shrink(plan.kept) }
}

/// Where the kept part begins, for gravities that need not look at the picture.
pub fn place(plan: Plan, gravity: Gravity) -> (u32, u32) {
    let (x, y) = match gravity {
        Gravity::Anchor { x, y, .. } => {
            let slack = |all: u32, kept: u32| f64::from(all.saturating_sub(kept));
            (slack(plan.scaled.0, plan.kept.0) * x, slack(plan.scaled.1, plan.kept.1) * y)
        }
        Gravity::Focus { x, y } => {
            let start = |all: u32, kept: u32, at: f64| f64::from(all) * at - f64::from(kept) / 2.0;
            (start(plan.scaled.0, plan.kept.0, x), start(plan.scaled.1, plan.kept.1, y))
        }
        Gravity::Smart => (0.0, 0.0),
    };
    (
        pixel(x, plan.scaled.0.saturating_sub(plan.kept.0)),
        pixel(y, plan.scaled.1.saturating_sub(plan.kept.1)),
    )
}

/// The pixel at a place that may lie between two, or outside.
fn pixel(place: f64, last: u32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to a number of 32 bits"
    )]
    let pixel = place.clamp(0.0, f64::from(last)) as u32;
    pixel
}

/// Where a window of `kept` begins so that it holds the most of `energies`; of equals, the one
/// nearest to the middle.
pub fn richest(energies: &[u64], kept: usize) -> usize {
    let slack = energies.len().saturating_sub(kept);
    let mut held: u64 = energies.iter().take(kept).sum();
    let mut best = (held, 0);
    let far = |start: usize| start.abs_diff(slack / 2);
    for start in 1..=slack {
        held = held + energies[start + kept - 1] - energies[start - 1];
        if held > best.0 || (held == best.0 && far(start) < far(best.1)) {
            best = (held, start);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(source: (u32, u32), query: &str) -> Plan {
        plan(source, &transformation(query))
    }

    fn transformation(query: &str) -> Transformation {
        Transformation::of_query(query.split('&').filter_map(|it| it.split_once('=')))
            .expect("valid")
    }

    fn cut(scaled: (u32, u32), kept: (u32, u32)) -> Plan {
        Plan { scaled, kept }
    }

    #[test]
    fn cover_fills_the_shape_and_cuts_the_rest() {
        let landscape = (4000, 3000);
        assert_eq!(planned(landscape, "width=300&height=300"), cut((400, 300), (300, 300)));
        assert_eq!(planned(landscape, "width=400"), whole((400, 300)));
        assert_eq!(planned(landscape, "height=300"), whole((400, 300)));
        assert_eq!(planned((1000, 100), "width=500&height=500"), cut((1000, 100), (500, 100)));
    }

    #[test]
    fn contain_stays_inside() {
        assert_eq!(planned((4000, 3000), "width=300&height=300&resize=contain"), whole((300, 225)));
        assert_eq!(planned((3000, 4000), "width=300&resize=contain"), whole((300, 400)));
        assert_eq!(planned((4000, 1), "width=40&resize=contain"), whole((40, 1)));
    }

    #[test]
    fn fill_stretches_and_keeps_the_side_that_is_not_named() {
        assert_eq!(planned((400, 300), "width=100&height=100&resize=fill"), whole((100, 100)));
        assert_eq!(planned((400, 300), "width=100&resize=fill"), whole((100, 300)));
        assert_eq!(planned((200, 100), "width=400&height=400&resize=fill"), whole((100, 100)));
    }

    #[test]
    fn nothing_grows_and_no_side_passes_the_bound() {
        assert_eq!(planned((20, 10), "width=300&height=300"), whole((20, 10)));
        assert_eq!(planned((20, 10), "width=300&height=300&resize=contain"), whole((20, 10)));
        assert_eq!(planned((5000, 4000), "quality=50"), whole((2500, 2000)));
        assert_eq!(planned((100, 50_000), "width=100"), whole((5, 2500)));
        assert_eq!(planned((100, 50_000), "width=50&resize=fill"), whole((3, 2500)));
    }

    #[test]
    fn gravity_says_what_is_kept() {
        let wide = cut((400, 300), (300, 300));
        let at = |query: &str| place(wide, transformation(query).gravity);
        assert_eq!(at("gravity=ce"), (50, 0));
        assert_eq!(at("gravity=we"), (0, 0));
        assert_eq!(at("gravity=soea"), (100, 0));
        assert_eq!(at("gravity=fp&x_offset=0.5&y_offset=0.9"), (50, 0));
        assert_eq!(at("gravity=fp&x_offset=1&y_offset=0"), (100, 0));
        assert_eq!(at("gravity=fp&x_offset=0&y_offset=0"), (0, 0));
    }

    #[test]
    fn the_richest_window_is_found() {
        assert_eq!(richest(&[0, 0, 9, 9, 0, 0, 0], 2), 2);
        assert_eq!(richest(&[0, 0, 0, 0, 0], 1), 2);
        assert_eq!(richest(&[5, 1, 1, 9], 4), 0);
    }
}
