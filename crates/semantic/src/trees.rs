//! Boosted decision trees over a pair's features: the file `tools/semantic/verifier.py` writes.
//!
//! ```text
//! 0   8  magic "SLUICVER"
//! 8   4  format version, 1
//! 12  4  features a pair has
//! 16  4  trees t
//! 20  4  nodes n
//! 24  4  f32 weight of the cosine
//! 28  4  f32 added to every score
//! 32  4  CRC-32 (IEEE) of everything after the header
//! 36  28 zero
//! 64     t x u16 first node of each tree
//!        n x (u8 feature, 255 in a leaf; u8 zero; u16 left; u16 right; f32 threshold or leaf's value)
//! ```
//!
//! A node's children follow it in the file, so a walk always ends.

use crate::{
    features::{COUNT, Features},
    model::{ModelError, f32_at, u32_at},
};

const HEADER: usize = 64;
const LEAF: u8 = u8::MAX;

#[derive(Clone, Copy, Debug)]
struct Node {
    feature: u8,
    left: u16,
    right: u16,
    value: f32,
}

/// The trees, read once (some microseconds).
#[derive(Clone, Debug)]
pub(crate) struct Trees {
    roots: Vec<u16>,
    nodes: Vec<Node>,
    cosine: f32,
    bias: f32,
}

impl Trees {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        if !bytes.starts_with(b"SLUICVER") {
            return Err(ModelError::NotAModel);
        }
        let (head, body) = bytes.split_at_checked(HEADER).ok_or(ModelError::Length)?;
        let number = |at: usize| u32_at(head, at).ok_or(ModelError::Length);
        let (version, features, trees, nodes) =
            (number(8)?, number(12)?, number(16)? as usize, number(20)? as usize);
        if version != 1
            || features as usize != COUNT
            || usize::from(u16::MAX) < nodes
            || usize::from(u16::MAX) < trees
        {
            return Err(ModelError::Unsupported);
        }
        if body.len() != trees * 2 + nodes * 10 || crc32fast::hash(body) != number(32)? {
            return Err(ModelError::Length);
        }
        let (roots, rest) = body.split_at_checked(trees * 2).ok_or(ModelError::Length)?;
        let roots: Vec<u16> = roots.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect();
        let mut read = Vec::with_capacity(nodes);
        for (index, node) in rest.as_chunks::<10>().0.iter().enumerate() {
            let &[feature, _, l0, l1, r0, r1, a, b, c, d] = node;
            let (left, right) = (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([r0, r1]));
            let inner = feature != LEAF;
            let ahead = |child: u16| index < usize::from(child) && usize::from(child) < nodes;
            if inner && (COUNT <= usize::from(feature) || !ahead(left) || !ahead(right)) {
                return Err(ModelError::Unsupported);
            }
            read.push(Node { feature, left, right, value: f32::from_le_bytes([a, b, c, d]) });
        }
        let float = |at: usize| f32_at(head, at).ok_or(ModelError::Length);
        Ok(Self { roots, nodes: read, cosine: float(24)?, bias: float(28)? })
    }

    /// The score: larger is likelier the same question. The unit is log-odds on the training pairs, no more.
    pub(crate) fn score(&self, features: &Features) -> f32 {
        let [cosine, ..] = features;
        self.bias
            + self.cosine * cosine
            + self.roots.iter().map(|root| self.walk(*root, features)).sum::<f32>()
    }

    fn walk(&self, root: u16, features: &Features) -> f32 {
        let mut at = root;
        while let Some(node) = self.nodes.get(usize::from(at)) {
            let Some(feature) = features.get(usize::from(node.feature)) else { return node.value };
            at = if *feature <= node.value { node.left } else { node.right };
        }
        0.0
    }
}
