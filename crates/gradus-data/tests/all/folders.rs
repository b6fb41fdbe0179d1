//! Folders of pictures, texts and sounds: which files, which part, and what is said of bad ones.

use std::fs;
use std::path::Path;

use gradus_data::{
    FolderLabels, FolderOptions, LabelMode, OnError, Part, TextFolderOptions,
    text_dataset_from_directory,
};
use gradus_tensor::Kind;
use proptest::prelude::*;

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
    fs::write(path, content).expect("writable");
}

/// Texts that are the names of their files, some in folders of their own.
fn texts(dir: &Path, counts: &[usize]) {
    for (class, &count) in counts.iter().enumerate() {
        for file in 0..count {
            let inner = if file % 3 == 2 { "inner/" } else { "" };
            let name = format!("class{class}/{inner}{file}.txt");
            write(&dir.join(&name), &name);
        }
    }
    write(&dir.join("class0/readme.md"), "no sample");
    write(&dir.join(".hidden/1.txt"), "no class");
}

fn options(folder: FolderOptions) -> TextFolderOptions {
    TextFolderOptions { folder, ..Default::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn training_and_validation_are_disjoint_and_complete(
        counts in prop::collection::vec(1usize..8, 1..4), seed: u64, share in 0.05f64..0.95,
        shuffle: bool,
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        texts(dir.path(), &counts);
        let part = |subset| {
            let folder = FolderOptions { shuffle, ..FolderOptions::part(subset, share, seed) };
            text_dataset_from_directory(dir.path(), &options(folder))
        };
        let n: usize = counts.iter().sum();
        let aside = (share * n as f64) as usize;
        prop_assume!(aside > 0 && aside < n);
        let (training, validation) =
            (part(Part::Training).expect("valid"), part(Part::Validation).expect("valid"));
        prop_assert_eq!((training.len(), validation.len()), (n - aside, aside));
        let mut all = [training.paths(), validation.paths()].concat();
        all.sort_unstable();
        let whole = FolderOptions { shuffle: false, ..Default::default() };
        let whole = text_dataset_from_directory(dir.path(), &options(whole)).expect("valid");
        let mut expected = whole.paths().to_vec();
        expected.sort_unstable();
        prop_assert_eq!(all, expected);
        for part in [&training, &validation] {
            let labels = part.labels().expect("memory").expect("labels").to_vec::<i32>();
            for (text, label) in part.texts().iter().zip(labels.expect("int32")) {
                let class = format!("class{}/", label);
                prop_assert!(text.starts_with(&class), "{} {}", text, label);
            }
        }
    }
}

#[test]
fn labels_come_in_every_form() {
    let dir = tempfile::tempdir().expect("a directory");
    texts(dir.path(), &[2, 1]);
    let read = |folder: FolderOptions| {
        let folder = FolderOptions { shuffle: false, ..folder };
        text_dataset_from_directory(dir.path(), &options(folder))
    };
    let mode = |label_mode| read(FolderOptions { label_mode, ..Default::default() });
    let labels = |mode| mode_labels(&mode);
    fn mode_labels(folder: &gradus_data::TextFolder) -> (Vec<usize>, Vec<f32>) {
        let labels = folder.labels().expect("memory").expect("labels");
        (labels.shape().dims().to_vec(), labels.to_vec().expect("floats"))
    }
    let categorical = labels(mode(LabelMode::Categorical).expect("valid"));
    assert_eq!(categorical, (vec![3, 2], vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0]));
    assert_eq!(labels(mode(LabelMode::Binary).expect("valid")), (vec![3, 1], vec![0.0, 0.0, 1.0]));
    assert!(mode(LabelMode::None).expect("valid").labels().expect("memory").is_none());
    let names = |names: [&str; 2]| {
        let class_names = Some(names.map(str::to_owned).to_vec());
        read(FolderOptions { class_names, ..Default::default() })
    };
    let swapped = names(["class1", "class0"]).expect("valid");
    assert_eq!(swapped.texts()[0], "class1/0.txt");
    assert_eq!(swapped.classes(), ["class1", "class0"]);
    let error = names(["class1", "other"]).expect_err("no such folder").to_string();
    assert!(error.contains("\"other\"") && error.contains("\"class0\""), "{error}");
    let given = FolderLabels::Given(vec![5, 0, 1]);
    let given = read(FolderOptions { labels: given, ..Default::default() }).expect("valid");
    assert_eq!((given.classes().len(), given.texts()[0].as_str()), (6, "class0/0.txt"));
    let labels = given.labels().expect("memory").expect("labels").to_vec::<i32>();
    assert_eq!(labels.expect("int32"), [5, 0, 1]);
    for labels in [FolderLabels::Given(vec![1]), FolderLabels::Given(vec![0, -1, 0])] {
        assert!(read(FolderOptions { labels, ..Default::default() }).is_err());
    }
    let none = FolderOptions {
        labels: FolderLabels::None,
        label_mode: LabelMode::None,
        ..Default::default()
    };
    assert_eq!(read(none).expect("valid").len(), 3);
}

#[test]
fn contradictions_and_empty_folders_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    texts(dir.path(), &[2, 2, 2]);
    let refused = |folder: FolderOptions| {
        let error = text_dataset_from_directory(dir.path(), &options(folder)).expect_err("refused");
        assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
        error.to_string()
    };
    let part = FolderOptions::part(Part::Training, 0.5, 0);
    assert!(refused(FolderOptions { seed: None, ..part.clone() }).contains("seed is none"));
    assert!(refused(FolderOptions { subset: None, ..part.clone() }).contains("subset is none"));
    refused(FolderOptions { validation_split: None, ..part.clone() });
    refused(FolderOptions { validation_split: Some(1.0), ..part });
    let binary = FolderOptions { label_mode: LabelMode::Binary, ..Default::default() };
    assert!(refused(binary).contains("`Binary` for 3 classes"));
    refused(FolderOptions { labels: FolderLabels::None, ..Default::default() });
    fs::create_dir(dir.path().join("class3")).expect("writable");
    let empty = refused(FolderOptions::default());
    assert!(empty.contains("class3") && empty.contains("none of txt"), "{empty}");
    let absent = text_dataset_from_directory(dir.path().join("no"), &Default::default());
    assert!(matches!(absent.expect_err("absent").kind(), Kind::Io { .. }));
    let nothing = tempfile::tempdir().expect("a directory");
    assert!(text_dataset_from_directory(nothing.path(), &Default::default()).is_err());
}

#[test]
fn texts_are_cut_and_bad_ones_named_or_left_out() {
    let dir = tempfile::tempdir().expect("a directory");
    write(&dir.path().join("a/1.txt"), "가나다라");
    write(&dir.path().join("a/2.txt"), b"caf\xe9");
    let folder = FolderOptions { shuffle: false, ..Default::default() };
    let read = |options: TextFolderOptions| text_dataset_from_directory(dir.path(), &options);
    let error = read(options(folder.clone())).expect_err("not UTF-8").to_string();
    assert!(error.contains("2.txt: text: the text is not UTF-8"), "{error}");
    assert!(error.ends_with("at byte 3"), "{error}");
    let skip = FolderOptions { on_error: OnError::Skip, ..folder.clone() };
    let left = read(TextFolderOptions { folder: skip, max_length: Some(2), lossy: false });
    let left = left.expect("one is left");
    assert_eq!(left.texts(), ["가나"]);
    assert_eq!(left.skipped().len(), 1);
    assert!(left.skipped()[0].path.ends_with("a/2.txt"));
    let lossy = TextFolderOptions { folder, max_length: None, lossy: true };
    assert_eq!(read(lossy).expect("valid").texts()[1], "caf\u{fffd}");
}

#[cfg(feature = "image")]
mod pictures {
    use gradus_data::{
        ColorMode, DataLoader, Dataset, DecodeLimits, ImageFolder, ImageFolderOptions,
        image_dataset_from_directory, read_image,
    };
    use image::{Rgb, RgbImage};

    use super::*;

    fn picture(path: &Path, color: [u8; 3]) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        RgbImage::from_pixel(12, 8, Rgb(color)).save(path).expect("writable");
    }

    fn folder(dir: &Path) {
        for file in 0..5 {
            picture(&dir.join(format!("blue/{file}.png")), [0, 0, 200]);
            picture(&dir.join(format!("red/{file}.jpg")), [250, 0, 0]);
        }
    }

    fn sorted(on_error: OnError) -> ImageFolderOptions {
        let folder = FolderOptions { shuffle: false, on_error, ..Default::default() };
        ImageFolderOptions { folder, image_size: (4, 6), ..Default::default() }
    }

    #[test]
    fn pictures_arrive_as_planes_of_bytes() {
        let dir = tempfile::tempdir().expect("a directory");
        folder(dir.path());
        let data = image_dataset_from_directory(dir.path(), &sorted(OnError::Fatal));
        let data = data.expect("valid");
        assert_eq!((data.len(), data.classes()), (10, &["blue".to_owned(), "red".into()][..]));
        let columns = data.fetch(&[0, 9]).expect("valid");
        assert_eq!(columns[0].shape().dims(), [2, 3, 4, 6]);
        let x = columns[0].to_vec::<u8>().expect("bytes");
        assert_eq!(x[..72], [[0; 24], [0; 24], [200; 24]].concat());
        assert!(x[72..96].iter().all(|&red| red > 245), "{x:?}");
        assert_eq!(columns[1].to_vec::<i32>().expect("labels"), [0, 1]);
        for (mode, channels) in [(ColorMode::Grayscale, 1), (ColorMode::Rgba, 4)] {
            let options = ImageFolderOptions { color_mode: mode, ..sorted(OnError::Fatal) };
            let data = image_dataset_from_directory(dir.path(), &options).expect("valid");
            let x = data.fetch(&[0]).expect("valid")[0].to_vec::<u8>().expect("bytes");
            // 0.114 of 200, and an alpha of its own.
            let expected = if channels == 1 { vec![23; 24] } else { vec![255; 24] };
            assert_eq!(x[(channels - 1) * 24..], expected);
        }
        let one = read_image(dir.path().join("blue/0.png"), ColorMode::Rgb).expect("valid");
        assert_eq!(one.shape().dims(), [3, 8, 12]);
    }

    #[test]
    fn both_parts_and_the_loader_follow_the_options() {
        let dir = tempfile::tempdir().expect("a directory");
        folder(dir.path());
        let folder = FolderOptions {
            validation_split: Some(0.3),
            seed: Some(4),
            batch_size: 3,
            ..Default::default()
        };
        let options = ImageFolderOptions { folder, image_size: (2, 2), ..Default::default() };
        let (training, validation) = ImageFolder::both(dir.path(), &options).expect("valid");
        assert_eq!((training.len(), validation.len()), (7, 3));
        assert!(training.paths().iter().all(|path| !validation.paths().contains(path)));
        let loader: DataLoader = training.loader();
        let one: DataLoader = training.loader();
        let one = one.num_workers(0);
        for (a, b) in loader.iter().zip(one.iter()) {
            let (a, b) = (a.expect("valid"), b.expect("valid"));
            assert_eq!(a.0.to_vec::<u8>().expect("x"), b.0.to_vec::<u8>().expect("x"));
            assert_eq!(a.1.to_vec::<i32>().expect("y"), b.1.to_vec::<i32>().expect("y"));
        }
        assert_eq!(loader.len(), 3);
    }

    #[test]
    fn a_bad_file_among_many_is_named_or_left_out() {
        let dir = tempfile::tempdir().expect("a directory");
        folder(dir.path());
        write(&dir.path().join("blue/empty.png"), "");
        write(&dir.path().join("red/text.jpg"), "no picture");
        let whole = fs::read(dir.path().join("red/0.jpg")).expect("there");
        write(&dir.path().join("red/cut.jpg"), &whole[..whole.len() / 3]);
        let data = image_dataset_from_directory(dir.path(), &sorted(OnError::Fatal));
        let data = data.expect("files are read when they are fetched");
        let all: Vec<usize> = (0..data.len()).collect();
        let error = data.fetch(&all).expect_err("a bad file");
        assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
        assert!(error.to_string().contains("blue/empty.png: image: the file is empty"), "{error}");
        let data = image_dataset_from_directory(dir.path(), &sorted(OnError::Skip));
        let data = data.expect("ten are left");
        assert_eq!(data.len(), 10);
        let mut names: Vec<String> = data
            .skipped()
            .iter()
            .map(|skipped| {
                assert!(skipped.reason.contains("image: "), "{}", skipped.reason);
                skipped.path.file_name().expect("a name").to_string_lossy().into_owned()
            })
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["cut.jpg", "empty.png", "text.jpg"]);
        assert_eq!(data.fetch(&(0..10).collect::<Vec<_>>()).expect("valid").len(), 2);
    }

    #[test]
    fn a_picture_that_says_it_is_huge_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        folder(dir.path());
        let limits = DecodeLimits { max_side: 10, ..Default::default() };
        let options = ImageFolderOptions { limits, ..sorted(OnError::Fatal) };
        let data = image_dataset_from_directory(dir.path(), &options).expect("listed");
        let error = data.fetch(&[0]).expect_err("12 pixels wide").to_string();
        assert!(error.contains("0.png: image: "), "{error}");
        // A PNG header of 60,000 × 60,000 pixels without content.
        let mut bomb = fs::read(dir.path().join("blue/0.png")).expect("there");
        bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        write(&dir.path().join("blue/0.png"), bomb);
        let data = image_dataset_from_directory(dir.path(), &sorted(OnError::Fatal));
        let error = data.expect("listed").fetch(&[0]).expect_err("huge");
        assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
        // Content that is whole, but larger than asked for.
        let limits = DecodeLimits { max_bytes: 100, ..Default::default() };
        let options = ImageFolderOptions { limits, ..sorted(OnError::Fatal) };
        let data = image_dataset_from_directory(dir.path(), &options).expect("listed");
        let error = data.fetch(&[1]).expect_err("12 × 8 × 3 bytes");
        assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
        let none = ImageFolderOptions { image_size: (0, 4), ..Default::default() };
        assert!(image_dataset_from_directory(dir.path(), &none).is_err());
    }
}

#[cfg(feature = "image")]
mod frames {
    use gradus_data::{ColorMode, DecodeLimits, read_frames};
    use image::codecs::gif::GifEncoder;
    use image::{Frame, Rgba, RgbaImage};

    use super::*;

    fn animation(path: &Path, greys: &[u8]) {
        let mut encoder = GifEncoder::new(fs::File::create(path).expect("writable"));
        for &grey in greys {
            let image = RgbaImage::from_pixel(5, 4, Rgba([grey, grey, grey, 255]));
            encoder.encode_frame(Frame::new(image)).expect("encodes");
        }
    }

    #[test]
    fn an_animation_is_a_sequence_of_frames() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.gif");
        animation(&path, &[0, 100, 255]);
        let read = |limits| read_frames(&path, ColorMode::Grayscale, limits);
        let video = read(DecodeLimits::default()).expect("valid");
        assert_eq!(video.shape().dims(), [3, 1, 4, 5]);
        let greys: Vec<u8> =
            video.to_vec::<u8>().expect("bytes").chunks(20).map(|frame| frame[7]).collect();
        assert_eq!(greys, [0, 100, 255]);
        for limits in [
            DecodeLimits { max_side: 4, ..Default::default() },
            DecodeLimits { max_bytes: 50, ..Default::default() },
        ] {
            let error = read(limits).expect_err("too large");
            assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
        }
        let whole = fs::read(&path).expect("there");
        for cut in [0, 5, whole.len() / 2] {
            write(&path, &whole[..cut]);
            let error = read(DecodeLimits::default()).expect_err("damaged");
            assert!(error.to_string().contains("a.gif"), "{error}");
        }
    }

    #[test]
    fn frames_of_a_folder_have_one_size() {
        let dir = tempfile::tempdir().expect("a directory");
        let read = || read_frames(dir.path(), ColorMode::Rgb, DecodeLimits::default());
        assert!(matches!(read().expect_err("empty").kind(), Kind::Argument { .. }));
        for (name, width) in [("a.png", 3), ("b.png", 4)] {
            let image = image::RgbImage::new(width, 2);
            image.save(dir.path().join(name)).expect("writable");
        }
        let error = read().expect_err("two sizes").to_string();
        assert!(error.contains("[3, 2, 3]") && error.contains("b.png"), "{error}");
    }
}

#[cfg(feature = "wav")]
mod sounds {
    use gradus_data::{AudioFolder, AudioFolderOptions, Dataset, read_wav};
    use hound::{SampleFormat, WavSpec, WavWriter};

    use super::*;

    fn sound(path: &Path, channels: u16, bits: u16, values: &[i32]) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        let spec = WavSpec {
            channels,
            sample_rate: 8000,
            bits_per_sample: bits,
            sample_format: SampleFormat::Int,
        };
        let mut writer = WavWriter::create(path, spec).expect("writable");
        values.iter().for_each(|&value| writer.write_sample(value).expect("writable"));
        writer.finalize().expect("writable");
    }

    #[test]
    fn every_width_of_pcm_lies_within_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.wav");
        for bits in [8, 16, 24, 32] {
            let most = (1i64 << (bits - 1)) as f64;
            let values = [-most, most / 2.0, 0.0, most / 4.0].map(|v| v as i32);
            sound(&path, 2, bits, &values);
            let wav = read_wav(&path).expect("valid");
            assert_eq!(wav.samples.shape().dims(), [2, 2]);
            assert_eq!(wav.samples.to_vec::<f32>().expect("floats"), [-1.0, 0.0, 0.5, 0.25]);
        }
        let bytes = fs::read(&path).expect("there");
        for content in [&[][..], &bytes[..20], &bytes[..bytes.len() - 3], b"RIFFxxxx"] {
            write(&path, content);
            let error = read_wav(&path).expect_err("damaged");
            assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
            assert!(error.to_string().contains("a.wav: wav: "), "{error}");
        }
    }

    #[test]
    fn sounds_are_cut_filled_up_and_mixed() {
        let dir = tempfile::tempdir().expect("a directory");
        sound(&dir.path().join("high/1.wav"), 1, 16, &[16_384; 5]);
        sound(&dir.path().join("low/1.wav"), 2, 16, &[8192, -8192, 0, 16_384]);
        let mut options = AudioFolderOptions::new(3);
        options.folder.shuffle = false;
        let data = AudioFolder::new(dir.path(), &options).expect("valid");
        let columns = data.fetch(&[0, 1]).expect("valid");
        assert_eq!(columns[0].shape().dims(), [2, 1, 3]);
        let x = columns[0].to_vec::<f32>().expect("floats");
        assert_eq!(x, [0.5, 0.5, 0.5, 0.0, 0.25, 0.0]);
        assert_eq!(columns[1].to_vec::<i32>().expect("labels"), [0, 1]);
        options.sampling_rate = Some(16_000);
        let data = AudioFolder::new(dir.path(), &options).expect("listed");
        let error = data.fetch(&[0]).expect_err("another rate").to_string();
        assert!(error.contains("8000 frames a second, expected 16000"), "{error}");
        options.folder.on_error = OnError::Skip;
        let error = AudioFolder::new(dir.path(), &options).expect_err("none left").to_string();
        assert!(error.contains("2 left out"), "{error}");
    }
}
