//! Writes one variable as NetCDF classic (CDF-1), for CDO to read.

/// A file with `tas(time, lat, lon)` in float32.
pub(crate) fn file(lat: &[f64], lon: &[f64], values: &[f32]) -> Vec<u8> {
    let times = values.len() / (lat.len() * lon.len());
    let time: Vec<f64> = (0..u32::try_from(times).unwrap_or(0))
        .map(f64::from)
        .collect();
    let units = [
        "days since 2000-01-01",
        "degrees_north",
        "degrees_east",
        "K",
    ];
    let names = ["time", "lat", "lon", "tas"];
    let sizes = [times * 8, lat.len() * 8, lon.len() * 8, values.len() * 4];
    // Offsets are four bytes wherever they point, so that a first pass can measure the header.
    let header = |begin: usize| {
        let mut h = b"CDF\x01".to_vec();
        int(&mut h, 0);
        int(&mut h, 10);
        int(&mut h, 3);
        for (name, n) in names.iter().zip([times, lat.len(), lon.len()]) {
            text(&mut h, name);
            int(&mut h, n);
        }
        int(&mut h, 0);
        int(&mut h, 0);
        int(&mut h, 11);
        int(&mut h, 4);
        let mut begin = begin;
        for (i, name) in names.iter().enumerate() {
            text(&mut h, name);
            let dims: &[usize] = if i == 3 { &[0, 1, 2] } else { &[i] };
            int(&mut h, dims.len());
            dims.iter().for_each(|&dim| int(&mut h, dim));
            int(&mut h, 12);
            int(&mut h, 1);
            text(&mut h, "units");
            int(&mut h, 2);
            text(&mut h, units[i]);
            int(&mut h, if i == 3 { 5 } else { 6 });
            int(&mut h, sizes[i]);
            int(&mut h, begin);
            begin += sizes[i];
        }
        h
    };
    let mut file = header(header(0).len());
    for axis in [&time[..], lat, lon] {
        axis.iter().for_each(|x| file.extend(x.to_be_bytes()));
    }
    values.iter().for_each(|x| file.extend(x.to_be_bytes()));
    file
}

fn int(out: &mut Vec<u8>, n: usize) {
    out.extend(u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes());
}

fn text(out: &mut Vec<u8>, text: &str) {
    int(out, text.len());
    out.extend(text.as_bytes());
    out.resize(out.len().next_multiple_of(4), 0);
}
