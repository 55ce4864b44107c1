//! The glyphs a page draws.

use std::collections::HashMap;

use hayro_syntax::{
    content::{TypedIter, ops::TypedInstruction as Op},
    object::{Array, Dict, Name, Number, Object, Stream},
    page::{Page, Resources},
};

use super::{
    font::{Fonts, Known, is_bounded, place},
    geometry::{Glyph, Map, Turn},
};
use crate::{Limits, Problem};

/// What all pages together may still draw, and what was understood of it.
pub(crate) struct Budget {
    /// Characters left.
    left: usize,
    limit: usize,
    /// Glyphs whose characters are known.
    pub(crate) named: usize,
    /// Glyphs whose characters are not.
    pub(crate) nameless: usize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { left: limits.text, limit: limits.text, named: 0, nameless: 0 }
    }
}

/// Drawings within drawings go no deeper than this.
const DEEPEST: usize = 12;
/// States saved at once.
const MOST_SAVED: usize = 512;

/// The glyphs of a page in the order they are drawn.
///
/// # Errors
///
/// [`Problem::TooLarge`] where a page or all of them draw more than the limits allow.
pub(crate) fn glyphs<'a>(
    page: &Page<'a>,
    fonts: &mut Fonts<'a>,
    budget: &mut Budget,
    limits: &Limits,
) -> Result<Vec<Glyph>, Problem> {
    let mut drawing = Drawing {
        fonts,
        budget,
        known: HashMap::new(),
        glyphs: Vec::new(),
        steps: limits.steps,
        limits,
        depth: 0,
    };
    let content = contents(page.raw(), limits);
    drawing.draw(&content, page.resources(), State::default())?;
    let mut glyphs = drawing.glyphs;
    // A page that is nothing but artifacts was marked by a careless program.
    if glyphs.iter().any(|glyph| !glyph.artifact) {
        glyphs.retain(|glyph| !glyph.artifact);
    }
    Ok(glyphs)
}

/// A page's content streams, joined.
fn contents(page: &Dict<'_>, limits: &Limits) -> Vec<u8> {
    let mut all = Vec::new();
    let mut add = |stream: &Stream<'_>| {
        if all.len() < limits.part
            && is_bounded(stream, limits.part)
            && let Ok(data) = stream.decoded_data()
        {
            all.extend_from_slice(&data);
            all.push(b'\n');
        }
    };
    if let Some(stream) = page.get::<Stream<'_>>("Contents") {
        add(&stream);
    } else if let Some(streams) = page.get::<Array<'_>>("Contents") {
        streams.iter::<Stream<'_>>().for_each(|stream| add(&stream));
    }
    all
}

#[derive(Clone, Copy)]
struct State {
    page: Map,
    text: Map,
    line: Map,
    /// The font's place among those known.
    font: Option<u64>,
    size: f64,
    character_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            page: Map::SAME,
            text: Map::SAME,
            line: Map::SAME,
            font: None,
            size: 1.0,
            character_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        }
    }
}

struct Drawing<'d, 'a> {
    fonts: &'d mut Fonts<'a>,
    budget: &'d mut Budget,
    known: HashMap<u64, Option<Known<'a>>>,
    glyphs: Vec<Glyph>,
    steps: usize,
    limits: &'d Limits,
    depth: usize,
}

impl<'a> Drawing<'_, 'a> {
    fn step(&mut self, count: usize) -> Result<(), Problem> {
        let limit = self.limits.steps;
        self.steps = self
            .steps
            .checked_sub(count)
            .ok_or(Problem::TooLarge { what: "the drawing of a page", limit })?;
        Ok(())
    }

    fn draw(&mut self, content: &[u8], resources: &Resources<'a>, start: State) -> Result<(), Problem> {
        let mut state = start;
        let mut saved: Vec<State> = Vec::new();
        // Whether each marked stretch that is open is an artifact.
        let mut marks: Vec<bool> = Vec::new();
        let mut operations = TypedIter::new(content);
        while let Some(operation) = operations.next() {
            self.step(1)?;
            match operation {
                Op::SaveState(_) if saved.len() < MOST_SAVED => saved.push(state),
                Op::RestoreState(_) => state = saved.pop().unwrap_or(state),
                Op::Transform(m) => state.page = map([m.0, m.1, m.2, m.3, m.4, m.5]).then(state.page),
                Op::BeginText(_) => (state.text, state.line) = (Map::SAME, Map::SAME),
                Op::CharacterSpacing(space) => state.character_space = number(space.0),
                Op::WordSpacing(space) => state.word_space = number(space.0),
                Op::HorizontalScaling(stretch) => state.stretch = number(stretch.0) / 100.0,
                Op::TextLeading(leading) => state.leading = number(leading.0),
                Op::TextRise(rise) => state.rise = number(rise.0),
                Op::TextFont(font) => {
                    state.font = self.font(font.0, resources);
                    state.size = number(font.1);
                }
                Op::SetTextMatrix(m) => {
                    state.line = map([m.0, m.1, m.2, m.3, m.4, m.5]);
                    state.text = state.line;
                }
                Op::NextLine(by) => state.next_line(number(by.0), number(by.1)),
                Op::NextLineAndSetLeading(by) => {
                    state.leading = -number(by.1);
                    state.next_line(number(by.0), number(by.1));
                }
                Op::NextLineUsingLeading(_) => state.next_line(0.0, -state.leading),
                Op::ShowText(text) => self.show(&mut state, text.0.as_bytes(), marks.contains(&true))?,
                Op::NextLineAndShowText(text) => {
                    state.next_line(0.0, -state.leading);
                    self.show(&mut state, text.0.as_bytes(), marks.contains(&true))?;
                }
                Op::ShowTextWithParameters(text) => {
                    state.word_space = number(text.0);
                    state.character_space = number(text.1);
                    state.next_line(0.0, -state.leading);
                    self.show(&mut state, text.2.as_bytes(), marks.contains(&true))?;
                }
                Op::ShowTexts(texts) => {
                    for text in texts.0.iter::<Object<'_>>() {
                        match text {
                            Object::String(text) => {
                                self.show(&mut state, text.as_bytes(), marks.contains(&true))?;
                            }
                            Object::Number(back) => {
                                self.step(1)?;
                                let by = -number(back) / 1000.0 * state.size * state.stretch;
                                state.text = Map::shift(by, 0.0).then(state.text);
                            }
                            _ => {}
                        }
                    }
                }
                Op::XObject(object) => self.nested(object.0, resources, state)?,
                Op::BeginMarkedContent(mark) if marks.len() < MOST_SAVED => marks.push(is_artifact(mark.0)),
                Op::BeginMarkedContentWithProperties(mark) if marks.len() < MOST_SAVED => {
                    marks.push(is_artifact(mark.0));
                }
                Op::EndMarkedContent(_) => {
                    marks.pop();
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A drawing that is used as a whole.
    fn nested(
        &mut self,
        name: &Name<'_>,
        resources: &Resources<'a>,
        mut state: State,
    ) -> Result<(), Problem> {
        if self.depth >= DEEPEST {
            return Ok(());
        }
        let Some(form) = resources.get_x_object(name) else { return Ok(()) };
        let is_form =
            form.dict().get::<Name<'_>>("Subtype").is_some_and(|subtype| subtype.as_ref() == b"Form");
        if !is_form || !is_bounded(&form, self.limits.part) {
            return Ok(());
        }
        let Ok(content) = form.decoded_data() else { return Ok(()) };
        // Unpacking is work too: a small drawing used ten thousand times is not to be had for nothing.
        self.step(content.len() / 8)?;
        if let Some(matrix) = form.dict().get::<[f64; 6]>("Matrix") {
            state.page = Map::new(matrix.map(finite)).then(state.page);
        }
        let own = form.dict().get::<Dict<'_>>("Resources").map(Resources::new);
        self.depth += 1;
        let drawn = self.draw(&content, own.as_ref().unwrap_or(resources), state);
        self.depth -= 1;
        drawn
    }

    fn font(&mut self, name: &Name<'_>, resources: &Resources<'a>) -> Option<u64> {
        let dict = resources.get_font(name)?;
        let place = place(&dict);
        let fonts = &mut *self.fonts;
        self.known.entry(place).or_insert_with(|| fonts.load(&dict));
        Some(place)
    }

    fn show(&mut self, state: &mut State, bytes: &[u8], artifact: bool) -> Result<(), Problem> {
        self.step(bytes.len())?;
        let Some(font) = state.font.and_then(|place| self.known.get_mut(&place)).and_then(Option::as_mut)
        else {
            self.budget.nameless += bytes.len();
            return Ok(());
        };
        let (glyphs, budget) = (&mut self.glyphs, &mut *self.budget);
        let bold = font.bold;
        let mut written = 0_usize;
        font.read(bytes, |code, number, taken| {
            let spaces =
                state.character_space + if number == 32 && taken == 1 { state.word_space } else { 0.0 };
            let (across, down) = code.advance;
            let by = if down == 0.0 {
                ((across * state.size + spaces) * state.stretch, 0.0)
            } else {
                (0.0, down * state.size + spaces)
            };
            if let Some(text) = code.text {
                budget.named += 1;
                written += text.len();
                if written <= budget.left {
                    glyphs.extend(state.glyph(&text, across, down, bold, artifact));
                }
            } else {
                budget.nameless += 1;
            }
            state.text = Map::shift(finite(by.0), finite(by.1)).then(state.text);
        });
        let limit = budget.limit;
        budget.left =
            budget.left.checked_sub(written).ok_or(Problem::TooLarge { what: "the text", limit })?;
        Ok(())
    }
}

impl State {
    fn next_line(&mut self, x: f64, y: f64) {
        self.line = Map::shift(x, y).then(self.line);
        self.text = self.line;
    }

    /// A glyph where the state has got to; `None` where that is nowhere.
    fn glyph(&self, text: &str, across: f64, down: f64, bold: bool, artifact: bool) -> Option<Glyph> {
        let scale = Map { a: self.size * self.stretch, d: self.size, f: self.rise, ..Map::SAME };
        let all = scale.then(self.text).then(self.page);
        let (run_x, run_y) = if down == 0.0 { all.vector(1.0, 0.0) } else { all.vector(0.0, -1.0) };
        let (up_x, up_y) = all.vector(0.0, 1.0);
        let size = up_x.hypot(up_y);
        let turn = Turn::of(run_x, run_y);
        let (x, y) = turn.upright(all.e, all.f);
        let width = run_x.hypot(run_y) * if down == 0.0 { across } else { down.abs() };
        let sane = [x, y, width, size].iter().all(|value| value.is_finite() && value.abs() < 1.0e7);
        (sane && size > 0.01).then(|| Glyph { text: text.into(), x, y, width, size, bold, turn, artifact })
    }
}

fn is_artifact(tag: &Name<'_>) -> bool {
    tag.as_ref() == b"Artifact"
}

fn number(number: Number) -> f64 {
    finite(number.as_f64())
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn map(numbers: [Number; 6]) -> Map {
    Map::new(numbers.map(number))
}
