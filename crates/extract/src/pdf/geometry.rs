//! Maps of the plane, and the glyphs on a page.

/// An affine map: `x' = a x + c y + e`, `y' = b x + d y + f`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Map {
    pub(crate) a: f64,
    pub(crate) b: f64,
    pub(crate) c: f64,
    pub(crate) d: f64,
    pub(crate) e: f64,
    pub(crate) f: f64,
}

impl Map {
    pub(crate) const SAME: Self = Self { a: 1.0, b: 0.0, c: 0.0, d: 1.0, e: 0.0, f: 0.0 };

    pub(crate) fn new([a, b, c, d, e, f]: [f64; 6]) -> Self {
        Self { a, b, c, d, e, f }
    }

    pub(crate) fn shift(x: f64, y: f64) -> Self {
        Self { e: x, f: y, ..Self::SAME }
    }

    /// This map first, `next` after it.
    pub(crate) fn then(self, next: Self) -> Self {
        let Self { a, b, c, d, e, f } = self;
        Self {
            a: a * next.a + b * next.c,
            b: a * next.b + b * next.d,
            c: c * next.a + d * next.c,
            d: c * next.b + d * next.d,
            e: e * next.a + f * next.c + next.e,
            f: e * next.b + f * next.d + next.f,
        }
    }

    /// Where a vector goes; the shift does not count.
    pub(crate) fn vector(self, x: f64, y: f64) -> (f64, f64) {
        (self.a * x + self.c * y, self.b * x + self.d * y)
    }
}

/// Which way text runs on a page, in quarter turns against the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    None,
    Quarter,
    Half,
    ThreeQuarters,
}

impl Turn {
    /// The quarter nearest to a direction.
    pub(crate) fn of(x: f64, y: f64) -> Self {
        match (x.abs() >= y.abs(), x >= 0.0, y >= 0.0) {
            (true, true, _) => Self::None,
            (true, false, _) => Self::Half,
            (false, _, true) => Self::Quarter,
            (false, _, false) => Self::ThreeQuarters,
        }
    }

    /// A point, with the page turned so that text of this turn runs to the right.
    pub(crate) fn upright(self, x: f64, y: f64) -> (f64, f64) {
        match self {
            Self::None => (x, y),
            Self::Quarter => (y, -x),
            Self::Half => (-x, -y),
            Self::ThreeQuarters => (-y, x),
        }
    }
}

/// A glyph, or some that stand for one character, where it is on the page. Units are those of the page, y upwards.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Glyph {
    pub(crate) text: Box<str>,
    pub(crate) x: f64,
    /// Of the baseline.
    pub(crate) y: f64,
    pub(crate) width: f64,
    /// The font's size as it appears.
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) turn: Turn,
    /// Whether it is no content: page numbers, running heads.
    pub(crate) artifact: bool,
}
