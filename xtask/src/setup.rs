//! `setup`: what this machine lacks, and on Debian, as root, the software GPU.

use std::path::Path;
use std::process::{Command, Stdio};

use gradus_tensor::Device;

use crate::{Result, run_to_end};

/// Debian's packages of the software GPU and of the library that finds it.
const PACKAGES: &[&str] = &["mesa-vulkan-drivers", "libvulkan1"];

pub(crate) fn run(check: bool) -> Result<()> {
    let mut adapters = adapters();
    if adapters == 0 && !check {
        install()?;
        adapters = self::adapters();
    }
    data();
    optional();
    if adapters > 0 { Ok(()) } else { Err("setup: there is no GPU adapter".into()) }
}

/// Prints the adapters and counts them.
fn adapters() -> usize {
    if cfg!(target_os = "linux") {
        let found = has_vulkan_loader();
        println!("vulkan loader: {}", if found { "found" } else { "missing (libvulkan.so.1)" });
    }
    let adapters = Device::adapters();
    if adapters.is_empty() {
        println!("adapters: none; GPU tests will be skipped, or fail with GRADUS_REQUIRE_GPU=1");
    }
    for adapter in &adapters {
        let (name, kind) = (&adapter.name, adapter.kind);
        println!("adapter: {name} ({kind:?}, {}, {})", adapter.backend, adapter.driver);
    }
    adapters.len()
}

fn has_vulkan_loader() -> bool {
    let folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib"];
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    folders.iter().map(Path::new).any(|folder| {
        let places = [folder.to_path_buf(), folder.join(&machine)];
        places.iter().any(|place| place.join("libvulkan.so.1").exists())
    })
}

fn install() -> Result<()> {
    let by_hand = format!("install {} or your system's like", PACKAGES.join(" and "));
    if !works(Command::new("apt-get").arg("--version")) {
        println!("this is no Debian: {by_hand}");
        return Ok(());
    }
    if !is_root() {
        println!("not root: {by_hand}");
        return Ok(());
    }
    let apt = |args: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
        run_to_end(&mut command)
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-y", "-q", "--no-install-recommends"], PACKAGES].concat())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn data() {
    match gradus_data::datasets::fashion_mnist() {
        Ok(_) => println!("data: fashion-mnist found"),
        Err(error) => println!("data (optional): {error}"),
    }
}

fn optional() {
    for module in ["torch", "safetensors"] {
        let found = works(Command::new("python3").args(["-c", &format!("import {module}")]));
        println!("python {module} (optional): {}", if found { "found" } else { "missing" });
    }
}
