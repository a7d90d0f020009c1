using TorchSharp;
using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>bfloat16 modules that lose no update.</summary>
public class ParameterPrecisionTests
{
    [Fact]
    public void A_module_in_bfloat16_trains_as_one_in_single_precision_with_its_gradients()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var half = nn.Linear(33, 17);
        half.to(ScalarType.BFloat16);
        var single = nn.Linear(33, 17);
        foreach (var (to, from) in single.parameters().Zip(half.parameters()))
        {
            using var noGradients = no_grad();
            to.copy_(from);
        }
        using var split = new AdamW(half.Parameters(), new() { LearningRate = 1e-4, ParameterPrecision = ParameterPrecision.Split });
        using var reference = new AdamW(single.Parameters(), new() { LearningRate = 1e-4 });
        for (int step = 0; step < 6; step++)
        {
            split.ZeroGrad();
            half.forward(randn(8, 33).to_type(ScalarType.BFloat16)).square().mean().backward();
            foreach (var (to, from) in single.parameters().Zip(half.parameters()))
                to.grad = from.grad!.to_type(ScalarType.Float32);
            split.Step();
            reference.Step();
        }
        foreach (var (parameter, (one, other)) in split.ParameterGroups[0].Parameters.Zip(half.parameters().Zip(single.parameters())))
        {
            double[] remainders = split.StateOf(parameter)!.Tensor("param_remainder");
            double[] upper = Models.Values(one), whole = Models.Values(other);
            Assert.Equal(whole.Select(x => BitConverter.SingleToInt32Bits((float)x)), upper.Select((x, i) => BitConverter.SingleToInt32Bits((float)x) + (int)remainders[i]));
            Assert.Contains(remainders, r => r != 0);
        }
    }

    [Fact]
    public void Tensors_that_are_not_contiguous_are_refused_by_name()
    {
        using var scope = NewDisposeScope();
        var tensor = zeros(4, 5, ScalarType.BFloat16).t().requires_grad_();
        string message = Assert.Throws<ArgumentException>(() => new AdamW([tensor.AsParameter("w")], new() { ParameterPrecision = ParameterPrecision.Split })).Message;
        Assert.Contains("ParameterPrecision.Split is for parameters in host memory, contiguous, but 'w' [5, 4] BFloat16 is not", message, StringComparison.Ordinal);
    }
}
