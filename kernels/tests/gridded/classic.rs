//! A minimal reader of NetCDF classic, for the named double and float variables of one real file.

use std::collections::BTreeMap;

/// The variables by name, with the sizes of their dimensions and their values.
pub(crate) fn read(bytes: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<f64>)> {
    let mut header = Header { bytes, at: 4 };
    assert_eq!(&bytes[..4], b"CDF\x01", "a CDF-1 file");
    let records = header.int();
    header.int();
    let dims: Vec<usize> = (0..header.int())
        .map(|_| {
            header.name();
            header.int()
        })
        .collect();
    header.attributes();
    header.int();
    let count = header.int();
    let variables: Vec<Variable> = (0..count)
        .map(|_| Variable::read(&mut header, &dims))
        .collect();
    // Records of all variables alternate.
    let stride: usize = variables
        .iter()
        .filter(|v| v.sizes.first() == Some(&0))
        .map(|v| v.bytes)
        .sum();
    let mut all = BTreeMap::new();
    for Variable {
        name,
        mut sizes,
        kind,
        begin,
        ..
    } in variables
    {
        let (times, n) = match sizes.first() {
            Some(0) => (records, sizes[1..].iter().product()),
            _ => (1, sizes.iter().product()),
        };
        let mut values = Vec::new();
        for bytes in (0..times).map(|time| &bytes[begin + time * stride..]) {
            match kind {
                5 => values.extend(floats::<4>(bytes, n, |b| f64::from(f32::from_be_bytes(b)))),
                6 => values.extend(floats::<8>(bytes, n, f64::from_be_bytes)),
                _ => {}
            }
        }
        if let Some(size @ 0) = sizes.first_mut() {
            *size = records;
        }
        all.insert(name, (sizes, values));
    }
    all
}

struct Variable {
    name: String,
    sizes: Vec<usize>,
    kind: usize,
    bytes: usize,
    begin: usize,
}

impl Variable {
    fn read(header: &mut Header<'_>, dims: &[usize]) -> Self {
        let name = header.name();
        let sizes = (0..header.int()).map(|_| dims[header.int()]).collect();
        header.attributes();
        let (kind, bytes, begin) = (header.int(), header.int(), header.int());
        Self {
            name,
            sizes,
            kind,
            bytes,
            begin,
        }
    }
}

fn floats<const N: usize>(bytes: &[u8], n: usize, decode: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    bytes.as_chunks::<N>().0[..n]
        .iter()
        .map(|b| decode(*b))
        .collect()
}

struct Header<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Header<'_> {
    fn int(&mut self) -> usize {
        let word = self.bytes[self.at..self.at + 4].try_into().unwrap();
        self.at += 4;
        usize::try_from(u32::from_be_bytes(word)).unwrap()
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes.next_multiple_of(4);
    }

    fn name(&mut self) -> String {
        let length = self.int();
        let name = self.bytes[self.at..self.at + length].to_vec();
        self.skip(length);
        String::from_utf8(name).unwrap()
    }

    fn attributes(&mut self) {
        self.int();
        for _ in 0..self.int() {
            self.name();
            let kind = self.int();
            let n = self.int();
            self.skip(n * [0, 1, 1, 2, 4, 4, 8][kind]);
        }
    }
}
