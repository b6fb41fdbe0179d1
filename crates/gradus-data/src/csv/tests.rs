//! What the reader takes, and what it says about the rest.

use gradus_tensor::Kind;

use super::*;

const CARS: &str = "mpg, cylinders,name\n18.5,8,\"buick, skylark\"\n?,4,vw\n24,4,vw\n";

fn parse(text: &str) -> Result<Table> {
    CsvOptions::default().parse(text, "cars.csv")
}

#[track_caller]
fn says(result: Result<impl Sized>, message: &str) {
    assert_eq!(result.err().expect("refused").to_string(), message);
}

#[test]
fn columns_get_their_types() {
    let table = parse(CARS).expect("valid");
    assert_eq!(table.names(), ["mpg", "cylinders", "name"]);
    assert_eq!(table.rows(), 3);
    assert_eq!(table.column("cylinders").unwrap(), &Column::Int(vec![8, 4, 4]));
    let names = ["buick, skylark", "vw", "vw"].map(str::to_owned).to_vec();
    assert_eq!(table.column("name").unwrap(), &Column::Text(names));
    let Column::Float(mpg) = table.column("mpg").unwrap() else { panic!("numbers") };
    assert!(mpg[0] == 18.5 && mpg[1].is_nan() && mpg[2] == 24.0);
}

#[test]
fn arrays_take_columns_in_the_order_of_the_names() {
    let options = CsvOptions { missing: Missing::Nan, ..Default::default() };
    let table = options.parse(CARS, "cars.csv").expect("valid");
    let x = table.to_array(&["cylinders", "mpg"]).expect("numbers");
    assert_eq!(x.shape().dims(), [3, 2]);
    let x = x.to_vec::<f32>().unwrap();
    assert_eq!((&x[..3], &x[4..]), (&[8.0, 18.5, 4.0][..], &[4.0, 24.0][..]));
    assert!(x[3].is_nan());
    let (y, classes) = table.codes("cylinders").expect("whole numbers");
    assert_eq!(y.to_vec::<i32>().unwrap(), [1, 0, 0]);
    assert_eq!(classes, ["4", "8"]);
}

#[test]
fn mistakes_name_line_and_column() {
    let table = parse(CARS).expect("valid");
    says(
        table.to_array(&["mpg"]),
        "cars.csv: csv: line 3 has no number in column `mpg`; `Missing::Nan` reads it as NaN",
    );
    says(
        table.to_array(&["hp"]),
        "table: column is `hp` (the table has mpg, cylinders, name), expected the name of a \
         column",
    );
    assert!(matches!(table.to_array(&["name"]).unwrap_err().kind(), Kind::Argument { .. }));
    assert!(matches!(table.to_array(&[]).unwrap_err().kind(), Kind::Argument { .. }));
    assert!(matches!(table.codes("mpg").unwrap_err().kind(), Kind::Argument { .. }));
    says(
        parse("a,b\r\n1,2\r\n\r\n3\r\n"),
        "cars.csv: csv: line 4 has 1 fields, the first has 2; at byte 12",
    );
    says(parse("a,a\n1,2\n"), "cars.csv: csv: two columns are called `a`");
    let latin = CsvOptions::default().parse(b"a\n1\n\xe9\n", "cars.csv");
    says(latin, "cars.csv: csv: line 3 is not UTF-8; at byte 4");
}

#[test]
fn options_change_the_dialect() {
    let options = CsvOptions {
        has_header: false,
        delimiter: b'\t',
        comment: Some(b'#'),
        missing_values: vec!["-".into()],
        ..Default::default()
    };
    let table = options.parse("# units\n1\t-\r\n2\t0.5\r\n", "t").expect("valid");
    assert_eq!(table.names(), ["0", "1"]);
    assert_eq!(table.to_array(&["0"]).unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0]);
    assert!(table.to_array(&["1"]).is_err());
    says(
        options.parse("1\t2\n# x\n\n3\n", "t"),
        "t: csv: line 4 has 1 fields, the first has 2; at byte 9",
    );
}

#[test]
fn empty_tables_and_byte_order_marks_are_read() {
    let table = parse("a,b\n").expect("a header alone");
    assert_eq!(table.to_array(&["a", "b"]).unwrap().shape().dims(), [0, 2]);
    assert_eq!(parse("").expect("nothing").names().len(), 0);
    let marked = parse("\u{feff}a,b\n1,2\n").expect("valid");
    assert_eq!(marked.names(), ["a", "b"]);
}

#[test]
fn a_file_beyond_the_limit_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("cars.csv");
    std::fs::write(&path, CARS).expect("writable");
    assert_eq!(read_csv(&path).expect("valid").rows(), 3);
    let options = CsvOptions { max_bytes: 20, ..Default::default() };
    let error = options.read(&path).expect_err("refused");
    assert!(error.to_string().contains("larger than the limit of 20 bytes"), "{error}");
    assert!(matches!(read_csv("no/such.csv").err().unwrap().kind(), Kind::Io { .. }));
}
