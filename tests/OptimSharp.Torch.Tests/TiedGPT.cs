using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests;

/// <summary>The small GPT of tools/fixtures/tied_gpt.py: its head has its embedding's weights.</summary>
sealed class TiedGPT : Module<Tensor, Tensor>
{
    const int Vocabulary = 11, Width = 8, Heads = 2, Length = 6;

#pragma warning disable IDE1006 // PyTorch's names are the fields'
    readonly Embedding tokens = Embedding(Vocabulary, Width, dtype: float64), positions = Embedding(Length, Width, dtype: float64);
    readonly ModuleList<Block> blocks = [new(), new()];
    readonly LayerNorm norm = LayerNorm(Width, dtype: float64);
    readonly Linear head = Linear(Width, Vocabulary, hasBias: false, dtype: float64);
#pragma warning restore IDE1006

    public TiedGPT() : base(nameof(TiedGPT))
    {
        head.weight = tokens.weight!;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = tokens.forward(input) + positions.forward(arange(input.shape[1]));
        foreach (var block in blocks)
            x = block.forward(x);
        return head.forward(norm.forward(x)).MoveToOuterDisposeScope();
    }

    sealed class Block : Module<Tensor, Tensor>
    {
#pragma warning disable IDE1006
        readonly LayerNorm norm1 = LayerNorm(Width, dtype: float64), norm2 = LayerNorm(Width, dtype: float64);
        readonly Linear attention = Linear(Width, 3 * Width, dtype: float64), projection = Linear(Width, Width, dtype: float64);
        readonly Linear wide = Linear(Width, 4 * Width, dtype: float64), narrow = Linear(4 * Width, Width, dtype: float64);
#pragma warning restore IDE1006

        public Block() : base(nameof(Block)) => RegisterComponents();

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            long n = input.shape[0], t = input.shape[1];
            var parts = attention.forward(norm1.forward(input)).chunk(3, -1).Select(part => part.reshape(n, t, Heads, Width / Heads).transpose(1, 2)).ToArray();
            var scores = parts[0].matmul(parts[1].transpose(-2, -1)) / Math.Sqrt(Width / Heads);
            scores = scores.masked_fill(ones(t, t, dtype: @bool).triu(1), double.NegativeInfinity);
            var x = input + projection.forward(scores.softmax(-1).matmul(parts[2]).transpose(1, 2).reshape(n, t, Width));
            return (x + narrow.forward(functional.gelu(wide.forward(norm2.forward(x))))).MoveToOuterDisposeScope();
        }
    }
}
