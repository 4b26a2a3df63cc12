//! The rows: mistralrs 0.8.1 as its source says and as tests load it, llama.cpp as of llama-cpp-sys-2 0.1.161.

use super::{Architecture, NO_SAFETENSORS, Support, UNKNOWN};
use Support::{Computes, Refuses};

const fn both(name: &'static str, family: &'static str, class: &'static str) -> Architecture {
    Architecture {
        name,
        family,
        class,
        mistralrs: Computes,
        llama_cpp: Computes,
    }
}

const fn only_llama_cpp(
    name: &'static str,
    family: &'static str,
    class: &'static str,
) -> Architecture {
    Architecture {
        mistralrs: UNKNOWN,
        ..both(name, family, class)
    }
}

const fn only_mistralrs(class: &'static str, family: &'static str) -> Architecture {
    Architecture {
        llama_cpp: NO_SAFETENSORS,
        ..both(class, family, class)
    }
}

/// Known, but computed by no adapter from safetensors.
const fn none(class: &'static str, family: &'static str, why: &'static str) -> Architecture {
    Architecture {
        mistralrs: Refuses(why),
        ..only_mistralrs(class, family)
    }
}

/// By `general.architecture`.
#[rustfmt::skip]
pub(super) const GGUF: &[Architecture] = &[
    both("llama", "Llama 1 to 3, SmolLM2, TinyLlama, Mistral, Monad, Baguettotron", "LlamaForCausalLM"),
    both("mistral3", "Ministral 3", "Mistral3ForConditionalGeneration"),
    Architecture {
        mistralrs: Refuses("mistralrs 0.8.1 looks for `layer_norm_rms_epsilon`, which files of Phi-2 do not have"),
        ..both("phi2", "Phi-2", "PhiForCausalLM")
    },
    both("phi3", "Phi-3, Phi-3.5, Phi-4-mini", "Phi3ForCausalLM"),
    both("qwen2", "Qwen 2, Qwen 2.5", "Qwen2ForCausalLM"),
    both("qwen3", "Qwen 3", "Qwen3ForCausalLM"),
    both("qwen3moe", "Qwen 3 MoE", "Qwen3MoeForCausalLM"),
    both("starcoder2", "StarCoder 2", "Starcoder2ForCausalLM"),
    only_llama_cpp("llama4", "Llama 4", "Llama4ForConditionalGeneration"),
    only_llama_cpp("deci", "DeciLM, Llama Nemotron Nano", "DeciLMForCausalLM"),
    only_llama_cpp("falcon", "Falcon", "FalconForCausalLM"),
    only_llama_cpp("falcon-h1", "Falcon-H1", "FalconH1ForCausalLM"),
    only_llama_cpp("gpt2", "GPT-2", "GPT2LMHeadModel"),
    only_llama_cpp("gptneox", "GPT-NeoX, Pythia", "GPTNeoXForCausalLM"),
    only_llama_cpp("mpt", "MPT", "MPTForCausalLM"),
    only_llama_cpp("baichuan", "Baichuan", "BaichuanForCausalLM"),
    only_llama_cpp("starcoder", "StarCoder", "GPTBigCodeForCausalLM"),
    only_llama_cpp("bloom", "BLOOM", "BloomForCausalLM"),
    only_llama_cpp("stablelm", "StableLM", "StableLmForCausalLM"),
    only_llama_cpp("qwen2moe", "Qwen1.5-MoE, Qwen2-57B", "Qwen2MoeForCausalLM"),
    only_llama_cpp("qwen2vl", "Qwen2-VL, its text", "Qwen2VLForConditionalGeneration"),
    only_llama_cpp("qwen3next", "Qwen3-Next", "Qwen3NextForCausalLM"),
    only_llama_cpp("qwen3vl", "Qwen3-VL, its text", "Qwen3VLForConditionalGeneration"),
    only_llama_cpp("qwen35", "Qwen3.5", "Qwen3_5ForConditionalGeneration"),
    only_llama_cpp("qwen35moe", "Qwen3.5 MoE", "Qwen3_5MoeForConditionalGeneration"),
    only_llama_cpp("phimoe", "Phi-3.5-MoE", "PhiMoEForCausalLM"),
    only_llama_cpp("internlm2", "InternLM 2", "InternLM2ForCausalLM"),
    only_llama_cpp("minicpm", "MiniCPM", "MiniCPMForCausalLM"),
    only_llama_cpp("minicpm3", "MiniCPM 3", "MiniCPM3ForCausalLM"),
    only_llama_cpp("gemma", "Gemma", "GemmaForCausalLM"),
    only_llama_cpp("gemma2", "Gemma 2", "Gemma2ForCausalLM"),
    only_llama_cpp("gemma3", "Gemma 3", "Gemma3ForConditionalGeneration"),
    only_llama_cpp("gemma3n", "Gemma 3n", "Gemma3nForConditionalGeneration"),
    only_llama_cpp("gemma4", "Gemma 4 (E2B, E4B)", "Gemma4ForConditionalGeneration"),
    only_llama_cpp("mamba", "Mamba", "MambaForCausalLM"),
    only_llama_cpp("mamba2", "Mamba 2", "Mamba2ForCausalLM"),
    only_llama_cpp("jamba", "Jamba", "JambaForCausalLM"),
    only_llama_cpp("command-r", "Command R", "CohereForCausalLM"),
    only_llama_cpp("cohere2", "Command R7B", "Cohere2ForCausalLM"),
    only_llama_cpp("olmo", "OLMo", "OlmoForCausalLM"),
    only_llama_cpp("olmo2", "OLMo 2", "Olmo2ForCausalLM"),
    only_llama_cpp("olmoe", "OLMoE", "OlmoeForCausalLM"),
    only_llama_cpp("openelm", "OpenELM", "OpenELMForCausalLM"),
    only_llama_cpp("deepseek", "DeepSeek MoE", "DeepseekForCausalLM"),
    only_llama_cpp("deepseek2", "DeepSeek V2, V3", "DeepseekV2ForCausalLM"),
    only_llama_cpp("chatglm", "ChatGLM", "ChatGLMModel"),
    only_llama_cpp("glm4", "GLM-4", "Glm4ForCausalLM"),
    only_llama_cpp("glm4moe", "GLM-4.5", "Glm4MoeForCausalLM"),
    only_llama_cpp("bitnet", "BitNet", "BitNetForCausalLM"),
    only_llama_cpp("nemotron", "Nemotron, Minitron", "NemotronForCausalLM"),
    only_llama_cpp("nemotron_h", "Nemotron 3 Nano, Nemotron-H", "NemotronHForCausalLM"),
    only_llama_cpp("nemotron_h_moe", "Nemotron 3 Nano 30B", "NemotronHForCausalLM"),
    only_llama_cpp("exaone", "EXAONE 3", "ExaoneForCausalLM"),
    only_llama_cpp("exaone4", "EXAONE 4", "Exaone4ForCausalLM"),
    only_llama_cpp("granite", "Granite", "GraniteForCausalLM"),
    only_llama_cpp("granitemoe", "Granite MoE", "GraniteMoeForCausalLM"),
    only_llama_cpp("granitehybrid", "Granite 4", "GraniteMoeHybridForCausalLM"),
    only_llama_cpp("arcee", "Arcee AFM", "ArceeForCausalLM"),
    only_llama_cpp("ernie4_5", "ERNIE 4.5", "Ernie4_5ForCausalLM"),
    only_llama_cpp("ernie4_5-moe", "ERNIE 4.5 MoE", "Ernie4_5_MoeForCausalLM"),
    only_llama_cpp("hunyuan-dense", "Hunyuan dense", "HunYuanDenseV1ForCausalLM"),
    only_llama_cpp("hunyuan-moe", "Hunyuan MoE", "HunYuanMoEV1ForCausalLM"),
    only_llama_cpp("smollm3", "SmolLM3", "SmolLM3ForCausalLM"),
    only_llama_cpp("gpt-oss", "gpt-oss", "GptOssForCausalLM"),
    only_llama_cpp("lfm2", "LFM2", "Lfm2ForCausalLM"),
    only_llama_cpp("lfm2moe", "LFM2 MoE", "Lfm2MoeForCausalLM"),
    only_llama_cpp("smallthinker", "SmallThinker", "SmallThinkerForCausalLM"),
    only_llama_cpp("seed_oss", "Seed-OSS", "SeedOssForCausalLM"),
    only_llama_cpp("apertus", "Apertus", "ApertusForCausalLM"),
    only_llama_cpp("rwkv7", "RWKV 7", "Rwkv7ForCausalLM"),
    only_llama_cpp("mistral4", "Mistral Small 4", "Mistral4ForCausalLM"),
];

/// By class.
#[rustfmt::skip]
pub(super) const SAFETENSORS: &[Architecture] = &[
    only_mistralrs("DeepseekV2ForCausalLM", "DeepSeek V2"),
    only_mistralrs("DeepseekV3ForCausalLM", "DeepSeek V3"),
    only_mistralrs("Gemma2ForCausalLM", "Gemma 2"),
    only_mistralrs("GemmaForCausalLM", "Gemma"),
    only_mistralrs("Glm4ForCausalLM", "GLM-4"),
    only_mistralrs("Glm4MoeForCausalLM", "GLM-4.5"),
    only_mistralrs("Glm4MoeLiteForCausalLM", "GLM-4.7 Flash"),
    only_mistralrs("GraniteMoeHybridForCausalLM", "Granite 4"),
    only_mistralrs("LlamaForCausalLM", "Llama 1 to 3, SmolLM2, TinyLlama, Monad, Baguettotron"),
    only_mistralrs("MistralForCausalLM", "Mistral 7B, Ministral 8B"),
    only_mistralrs("MixtralForCausalLM", "Mixtral"),
    only_mistralrs("Phi3ForCausalLM", "Phi-3, Phi-3.5, Phi-4-mini"),
    only_mistralrs("PhiMoEForCausalLM", "Phi-3.5-MoE"),
    only_mistralrs("Qwen2ForCausalLM", "Qwen 2, Qwen 2.5"),
    only_mistralrs("Qwen3ForCausalLM", "Qwen 3"),
    only_mistralrs("Qwen3MoeForCausalLM", "Qwen 3 MoE"),
    only_mistralrs("Qwen3NextForCausalLM", "Qwen3-Next"),
    only_mistralrs("SmolLM3ForCausalLM", "SmolLM3"),
    only_mistralrs("Starcoder2ForCausalLM", "StarCoder 2"),
    none("PhiForCausalLM", "Phi-2", "mistralrs 0.8.1 computes its rotary embedding wrongly on a CPU; use a GGUF"),
    none("Gemma3ForConditionalGeneration", "Gemma 3", "mistralrs has it with images only, which is not used here; use a GGUF"),
    none("Gemma4ForConditionalGeneration", "Gemma 4 (E2B, E4B)", "mistralrs has it with images only, which is not used here; use a GGUF"),
    none("Mistral3ForConditionalGeneration", "Ministral 3", "mistralrs has it with images only, which is not used here; use a GGUF"),
    none("Qwen3_5ForConditionalGeneration", "Qwen3.5", "mistralrs has it with images only, which is not used here; use a GGUF"),
    none("NemotronHForCausalLM", "Nemotron 3 Nano, Nemotron-H", "mistralrs 0.8.1 does not know it; use a GGUF"),
];
