using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Samples;

/// <summary>A small GPT: characters in, the scores of the next ones out. Its head has the weights of its embedding.</summary>
sealed class Gpt : Module<Tensor, Tensor>
{
    public const int Layers = 6, Context = 64, Width = 96;
    const int Heads = 4;

    static readonly Scalar One = 1.ToScalar(); // a + b makes one that may be collected, and freed, while libtorch reads it

    readonly Embedding tokens, positions = Embedding(Context, Width);
    readonly ModuleList<Layer> layers = [.. Enumerable.Range(0, Layers).Select(_ => new Layer())];
    readonly LayerNorm norm = LayerNorm(Width, bias: false);
    readonly Linear head;

    /// <param name="characters">How many different ones there are.</param>
    public Gpt(int characters) : base(nameof(Gpt))
    {
        tokens = Embedding(characters, Width);
        head = Linear(Width, characters, hasBias: false);
        head.weight = tokens.weight!;
        init.normal_(tokens.weight!, 0, 0.02);
        init.normal_(positions.weight!, 0, 0.02);
        RegisterComponents();
    }

    /// <param name="characters">Their numbers, [batch, length], length ≤ <see cref="Context"/>.</param>
    /// <returns>Scores, [batch, length, number of characters].</returns>
    public override Tensor forward(Tensor characters)
    {
        using var scope = NewDisposeScope();
        var x = tokens.forward(characters).add(positions.weight!.narrow(0, 0, characters.shape[1]), One);
        foreach (var layer in layers)
            x = layer.forward(x);
        return head.forward(norm.forward(x)).MoveToOuterDisposeScope();
    }

    sealed class Layer : Module<Tensor, Tensor>
    {
        readonly LayerNorm norm1 = LayerNorm(Width, bias: false), norm2 = LayerNorm(Width, bias: false);
        readonly Linear attention = Matrix(Width, 3 * Width), projection = Matrix(Width, Width, Residual);
        readonly Linear wide = Matrix(Width, 4 * Width), narrow = Matrix(4 * Width, Width, Residual);

        public Layer() : base(nameof(Layer)) => RegisterComponents();

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            long batch = input.shape[0], length = input.shape[1];
            var parts = attention.forward(norm1.forward(input)).view(batch, length, 3, Heads, Width / Heads).transpose(1, 3).unbind(2); // queries, keys, values
            var mixed = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true);
            var x = input.add(projection.forward(mixed.transpose(1, 2).reshape(batch, length, Width)), One);
            return x.add(narrow.forward(functional.gelu(wide.forward(norm2.forward(x)))), One).MoveToOuterDisposeScope();
        }

        // Layers add to what goes through: each a little, so that the sum of all is of a size.
        static double Residual => 1 / Math.Sqrt(2 * Layers);

        static Linear Matrix(int from, int to, double scale = 1)
        {
            var made = Linear(from, to, hasBias: false);
            init.normal_(made.weight!, 0, scale / Math.Sqrt(from));
            return made;
        }
    }
}
