//! Rigid bodies: which atoms of a molecule keep their distance under all rotations of bonds.

/// The bodies of a molecule's atoms. ROOT and each BRANCH begin one. The two atoms that a BRANCH
/// joins are on its axis and belong to the bodies on both sides.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    /// By atom.
    own: Vec<usize>,
    /// Atoms of an axis, each with the body on the other side.
    axes: Vec<(usize, usize)>,
    /// The bodies of open BRANCHes.
    open: Vec<usize>,
    count: usize,
}

impl Bodies {
    /// A ROOT begins, of the ligand or of a flexible residue.
    pub(super) fn begin_root(&mut self) {
        self.open.clear();
        self.begin_branch();
    }

    pub(super) fn begin_branch(&mut self) {
        self.count += 1;
        self.open.push(self.count);
    }

    /// An end without a start changes nothing.
    pub(super) fn end_branch(&mut self) {
        if self.open.len() > 1 {
            self.open.pop();
        }
    }

    /// Adds the next atom.
    pub(super) fn add_atom(&mut self) {
        self.own.push(self.open.last().copied().unwrap_or(0));
    }

    /// Records that a BRANCH joins two atoms.
    pub(super) fn join(&mut self, from: usize, to: usize) {
        if let (Some(one), Some(other)) = (self.own.get(from), self.own.get(to)) {
            self.axes.extend([(from, *other), (to, *one)]);
        }
    }

    /// Whether the distance of two atoms is fixed.
    pub(super) fn are_fixed(&self, a: usize, b: usize) -> bool {
        let bodies_of = |atom: usize| {
            let beyond = self.axes.iter().filter(move |(at, _)| *at == atom);
            let own = self.own.get(atom).copied();
            own.into_iter().chain(beyond.map(|(_, body)| *body))
        };
        self.own.get(a) == self.own.get(b)
            || bodies_of(a).any(|one| bodies_of(b).any(|other| one == other))
    }
}
