//! Molecules as columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Builder, Float64Builder, Int32Builder, ListBuilder, RecordBatch, StringBuilder,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::atom::Atom;
use super::molecule::Molecule;
use crate::error::DataError;

/// One row for each molecule: its number, its N, and lists over its atoms. `xyz` has x, y and z of
/// each atom in turn, in Å.
pub(in crate::source) fn schema() -> SchemaRef {
    let list = |name: &str, kind: DataType| {
        Field::new(
            name,
            DataType::List(Arc::new(Field::new("item", kind, true))),
            true,
        )
    };
    Arc::new(Schema::new(vec![
        Field::new("pose_id", DataType::Int32, true),
        Field::new("rotors", DataType::Float32, true),
        list("xyz", DataType::Float64),
        list("ad_type", DataType::Utf8),
        list("xs_type", DataType::Utf8),
        list("charge", DataType::Float32),
        list("serial", DataType::Int32),
        list("name", DataType::Utf8),
        list("residue", DataType::Utf8),
        list("residue_number", DataType::Utf8),
        list("chain", DataType::Utf8),
    ]))
}

/// The columns under construction.
#[derive(Default)]
pub(super) struct Columns {
    atoms: usize,
    pose_id: Int32Builder,
    rotors: Float32Builder,
    xyz: ListBuilder<Float64Builder>,
    ad_type: Words,
    xs_type: Words,
    charge: ListBuilder<Float32Builder>,
    serial: ListBuilder<Int32Builder>,
    name: Words,
    residue: Words,
    residue_number: Words,
    chain: Words,
}

type Words = ListBuilder<StringBuilder>;

impl Columns {
    /// The number of atoms so far.
    pub(super) fn atoms(&self) -> usize {
        self.atoms
    }

    pub(super) fn push(&mut self, molecule: &Molecule) {
        self.atoms += molecule.atoms.len().max(1);
        self.pose_id.append_value(molecule.model);
        self.rotors.append_value(molecule.rotors);
        for atom in &molecule.atoms {
            self.xyz.values().append_slice(&atom.place);
            self.charge.values().append_value(atom.charge);
            self.serial.values().append_value(atom.serial);
        }
        self.xyz.append(true);
        self.charge.append(true);
        self.serial.append(true);
        self.xs_type
            .append_value(molecule.xs_types.iter().map(Some));
        words(&mut self.ad_type, molecule, |atom| &atom.ad_type);
        words(&mut self.name, molecule, |atom| &atom.name);
        words(&mut self.residue, molecule, |atom| &atom.residue);
        words(&mut self.residue_number, molecule, |atom| {
            &atom.residue_number
        });
        words(&mut self.chain, molecule, |atom| &atom.chain);
    }

    /// The batch; `None` without rows.
    pub(super) fn finish(mut self) -> Result<Option<RecordBatch>, DataError> {
        if self.atoms == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.pose_id.finish()),
            Arc::new(self.rotors.finish()),
            Arc::new(self.xyz.finish()),
            Arc::new(self.ad_type.finish()),
            Arc::new(self.xs_type.finish()),
            Arc::new(self.charge.finish()),
            Arc::new(self.serial.finish()),
            Arc::new(self.name.finish()),
            Arc::new(self.residue.finish()),
            Arc::new(self.residue_number.finish()),
            Arc::new(self.chain.finish()),
        ];
        RecordBatch::try_new(schema(), columns)
            .map(Some)
            .map_err(DataError::arrow("cannot read molecules"))
    }
}

fn words(builder: &mut Words, molecule: &Molecule, word: impl Fn(&Atom) -> &String) {
    builder.append_value(molecule.atoms.iter().map(|atom| Some(word(atom))));
}
