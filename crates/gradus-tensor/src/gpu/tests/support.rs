//! A GPU for tests, and the few kernels they launch.

use std::sync::Arc;

use super::super::*;

/// Opens a GPU; `None`, said aloud, where there is no adapter and none is required.
pub(super) fn open(options: &GpuOptions) -> Option<Arc<Gpu>> {
    match Gpu::open(options) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
            assert!(!required, "GRADUS_REQUIRE_GPU=1, but {error}");
            println!("SKIPPED: no GPU adapter ({error})");
            None
        }
    }
}

/// Default options.
pub(super) fn default() -> Option<Arc<Gpu>> {
    open(&GpuOptions::default())
}

/// `y[i] = x[i] + first parameter`; the last element also gets the last parameter of several.
pub(super) struct AddKernel {
    pipeline: wgpu::ComputePipeline,
    layout: Arc<BindLayout>,
    words: usize,
}

impl AddKernel {
    /// With a block of `words` parameters.
    pub(super) fn new(gpu: &Gpu, words: usize) -> Self {
        let mode = gpu.params_mode(words);
        let space = match mode {
            ParamsMode::Immediate => "var<immediate>",
            ParamsMode::Uniform => "@group(1) @binding(0) var<uniform>",
        };
        let fields: String = (0..words).map(|i| format!("w{i}: u32, ")).collect();
        let last = if words == 1 { "0u".to_owned() } else { format!("p.w{}", words - 1) };
        let text = format!(
            "struct Params {{ {fields} }} {space} p: Params;
            @group(0) @binding(0) var<storage, read> x: array<u32>;
            @group(0) @binding(1) var<storage, read_write> y: array<u32>;
            @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {{
                let n = arrayLength(&x);
                if (id.x < n) {{ y[id.x] = x[id.x] + p.w0 + select(0u, {last}, id.x == n - 1u); }}
            }}"
        );
        let layout = gpu.bind_layout(&[Access::Read, Access::ReadWrite]);
        let mut groups = vec![Some(layout.raw())];
        if mode == ParamsMode::Uniform {
            groups.push(Some(gpu.params_layout()));
        }
        let device = gpu.device();
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(text.into()),
        });
        let bytes = if mode == ParamsMode::Immediate { words as u32 * 4 } else { 0 };
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &groups,
            immediate_size: bytes,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: None,
            compilation_options: Default::default(),
            cache: None,
        });
        AddKernel { pipeline, layout, words }
    }

    /// Records `y = x + add`, `last` more at the last element of the buffer.
    pub(super) fn run(&self, x: &GpuBuffer, y: &GpuBuffer, add: u32, last: u32) {
        let gpu = x.gpu();
        let mut params = vec![0; self.words];
        params[0] = add;
        params[self.words - 1] += last;
        let bind_group = gpu.bind_group(&self.layout, &[x, y]).expect("two buffers");
        gpu.dispatch(&Dispatch {
            name: "add",
            pipeline: &self.pipeline,
            bind_group: &bind_group,
            params: &params,
            uses: &[x, y],
            grid: [(x.size() / 4).div_ceil(64) as u32, 1, 1],
        })
        .expect("recorded");
    }
}

/// A buffer of words.
pub(super) fn words(gpu: &Arc<Gpu>, values: &[u32]) -> Arc<GpuBuffer> {
    gpu.upload_bytes(bytemuck::cast_slice(values)).expect("memory")
}

/// The first `count` words of a buffer.
pub(super) fn read_words(buffer: &GpuBuffer, count: usize) -> Vec<u32> {
    let bytes = buffer.gpu().read(buffer, 0, count * 4).expect("read");
    bytemuck::pod_collect_to_vec(&bytes)
}
