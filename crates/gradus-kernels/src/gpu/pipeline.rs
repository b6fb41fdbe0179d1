//! Compiled kernels, one per text, constants and holes; they live as long as their GPU.

use std::collections::HashMap;
use std::sync::Arc;

use gradus_tensor::gpu::{Access, BindLayout, Gpu, ParamsMode};
use gradus_tensor::{Kind, Result};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::compose::{compose, workgroup};
use super::launch::Kernel;
use super::shaders::{Shader, shader};

/// What tells two kernels apart: all of it, not a hash of it.
type Key = SmallVec<[u8; 256]>;

/// A kernel ready to run.
pub(super) struct Compiled {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: Arc<BindLayout>,
    /// Invocations of one workgroup.
    pub(super) invocations: u32,
}

/// The kernels of one GPU.
#[derive(Default)]
pub(super) struct Pipelines(Mutex<HashMap<Key, Arc<Compiled>>>);

/// What is compiled.
struct Source {
    text: String,
    access: SmallVec<[Access; 12]>,
    workgroup: [u32; 3],
    words: usize,
}

/// The kernel, compiled on first use, for a parameter block of `words` words.
pub(super) fn pipeline(gpu: &Gpu, kernel: &Kernel<'_>, words: usize) -> Result<Arc<Compiled>> {
    let Pipelines(pipelines) = gpu.extension(Pipelines::default)?;
    let key = key(kernel, words);
    if let Some(found) = pipelines.lock().get(&key) {
        return Ok(found.clone());
    }
    let refuse = |message: String| Kind::Shader { kernel: kernel.name().to_owned(), message };
    // Compiled without the lock: other kernels go on meanwhile.
    let source = source(gpu, kernel, words).map_err(refuse)?;
    let compiled = gpu.captured(|| compile(gpu, &source, kernel.name())).map_err(refuse)?;
    gpu.check()?;
    gpu.count_pipeline();
    Ok(pipelines.lock().entry(key).or_insert_with(|| Arc::new(compiled)).clone())
}

fn key(kernel: &Kernel<'_>, words: usize) -> Key {
    let mut key = Key::new();
    key.extend_from_slice(&(words as u32).to_le_bytes());
    // A length before every text keeps neighbours apart.
    let mut push = |text: &[u8]| {
        key.extend_from_slice(&(text.len() as u32).to_le_bytes());
        key.extend_from_slice(text);
    };
    match kernel {
        Kernel::File { name, tune, holes, extra } => {
            push(b"file");
            push(name.as_bytes());
            push(&(*extra as u32).to_le_bytes());
            for (name, value) in *tune {
                push(name.as_bytes());
                push(&value.to_le_bytes());
            }
            push(b"holes");
            for (name, text) in *holes {
                push(name.as_bytes());
                push(text.as_bytes());
            }
        }
        Kernel::Generated { key, .. } => {
            push(b"generated");
            push(key);
        }
    }
    key
}

fn source(gpu: &Gpu, kernel: &Kernel<'_>, words: usize) -> Result<Source, String> {
    let immediate = gpu.params_mode(words) == ParamsMode::Immediate;
    match kernel {
        Kernel::File { name, tune, holes, extra } => {
            let shader = shader(name).ok_or("there is no such shader file")?;
            if shader.words != words {
                return Err(format!("takes {} parameter words, got {words}", shader.words));
            }
            if shader.subgroup && gpu.profile().subgroup.is_none() {
                return Err("uses subgroups, which this device lacks".into());
            }
            let text = compose(shader.text, tune, holes, immediate)?;
            file_source(text, shader, *extra)
        }
        Kernel::Generated { access, workgroup, text, .. } => {
            let text = compose(&text(), &[], &[], immediate)?;
            let access = SmallVec::from_slice(access);
            Ok(Source { text, access, workgroup: *workgroup, words })
        }
    }
}

fn file_source(text: String, shader: &Shader, extra: usize) -> Result<Source, String> {
    let workgroup = workgroup(&text)?;
    let mut access = SmallVec::from_slice(shader.access);
    access.extend(std::iter::repeat_n(Access::Read, extra));
    Ok(Source { text, access, workgroup, words: shader.words })
}

/// Errors are left to the scope around the call.
fn compile(gpu: &Gpu, source: &Source, name: &str) -> Compiled {
    let device = gpu.device();
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Wgsl(source.text.as_str().into()),
    };
    // SAFETY: our own shaders guard every index and bound every loop; holes and generated text
    // are built from the same tables, never from a caller's text.
    let module = unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    };
    let layout = gpu.bind_layout(&source.access);
    let immediate = gpu.params_mode(source.words) == ParamsMode::Immediate;
    let groups = [Some(layout.raw()), Some(gpu.params_layout())];
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: if immediate { &groups[..1] } else { &groups },
        immediate_size: if immediate { source.words as u32 * 4 } else { 0 },
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: None,
        compilation_options: wgpu::PipelineCompilationOptions {
            // Every kernel writes workgroup memory before it reads it.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    let invocations = source.workgroup.iter().product();
    Compiled { pipeline, layout, invocations }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::gpu::{Dispatch, GpuOptions};

    use super::super::tests::open;
    use super::*;

    #[test]
    fn a_hole_can_bring_its_own_binding() {
        let Some(gpu) = open(&GpuOptions::default()) else { return };
        let shader = Shader {
            name: "holed",
            text: "@group(0) @binding(0) var<storage, read_write> y: array<u32>;
                   // @hole value
                   fn value(i: u32) -> u32 { return 1u; }
                   // @end
                   const WG: u32 = 16u; // @tune
                   @compute @workgroup_size(WG) fn main(@builtin(global_invocation_id) id: vec3u)
                   { if (id.x < 64u) { y[id.x] = value(id.x) + 2u; } }",
            access: &[Access::ReadWrite],
            words: 0,
            subgroup: false,
        };
        let hole = "@group(0) @binding(1) var<storage, read> x: array<u32>;
                    fn value(i: u32) -> u32 { return x[i]; }";
        let x = gpu.upload_bytes(bytemuck::cast_slice(&[40u32; 64])).expect("memory");
        let y = gpu.alloc(256).expect("memory");
        for (holes, expected) in [(&[][..], 3), (&[("value", hole)][..], 42)] {
            let text = compose(shader.text, &[("WG", 8)], holes, true).expect("composes");
            let source = file_source(text, &shader, holes.len()).expect("has a size");
            assert_eq!(source.workgroup, [8, 1, 1]);
            let compiled = gpu.captured(|| compile(&gpu, &source, "holed")).expect("compiles");
            let uses = &[&*y, &*x][..1 + holes.len()];
            let bind_group = gpu.bind_group(&compiled.layout, uses).expect("fits");
            let pipeline = &compiled.pipeline;
            let grid = [8, 1, 1];
            let dispatch = Dispatch {
                name: "warm-up",
                pipeline,
                bind_group: &bind_group,
                params: &[],
                uses,
                grid,
            };
            gpu.dispatch(&dispatch).expect("recorded");
            let got: Vec<u32> = bytemuck::pod_collect_to_vec(&gpu.read(&y, 0, 256).expect("read"));
            assert_eq!(got, [expected; 64]);
        }
    }
}
