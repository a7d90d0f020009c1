using System.Buffers;
using System.Runtime.InteropServices;

namespace OptimSharp.Tests;

/// <summary>Parameters over the same plain memory are the same one; memory that parameters share in part is refused.</summary>
public unsafe class SameMemoryTests
{
    [Fact]
    public void Parameters_over_one_array_are_the_same_whatever_their_shape()
    {
        float[] array = new float[12];
        Same(Parameter.Of("a", array), Parameter.Of("b", array, 3, 4));
        Same(Parameter.Of("a", array.AsMemory(2, 4)), Parameter.Of("b", array.AsMemory()[2..6], 2, 2));

        using var manager = new Native(12);
        Same(Parameter.Of("a", manager.Memory[2..]), Parameter.Of("b", manager.Memory.Slice(2, 10)));
        fixed (float* start = array)
            Same(Parameter.Of("a", start, 12), Parameter.Of("b", start, 3, 4));
    }

    static void Same(Parameter a, Parameter b)
    {
        Assert.Equal(a.Identity, b.Identity);
        Assert.Contains($"Parameter {b} is in the group twice, also as {a}", Assert.Throws<ArgumentException>(() => new SGD([a, b]).Dispose()).Message, StringComparison.Ordinal);
        var e = Assert.Throws<ArgumentException>(() => new SGD([new([a]), new([b])]).Dispose());
        Assert.Contains($"Parameter {b} is in parameter group 0 already, also as {a}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void State_is_found_by_another_parameter_over_the_same_memory()
    {
        double[] array = [1, 2];
        var w = Parameter.Of("w", array);
        using var optimizer = new Adam([w]);
        w.Gradient = new double[] { 0.5, -1 };
        optimizer.Step();
        Assert.Same(optimizer.StateOf(w), optimizer.StateOf(Parameter.Of("other", array, 2, 1)));
        Assert.Null(optimizer.StateOf(Parameter.Of("copy", (double[])[.. array])));
        Assert.Null(optimizer.StateOf(Parameter.Of("part", array.AsMemory(0, 1))));
    }

    [Fact]
    public void LBFGS_and_averages_know_the_same_memory()
    {
        double[] array = [1, 2];
        var (w, again) = (Parameter.Of("w", array), Parameter.Of("again", array));
        using var optimizer = new LBFGS([w]);
        optimizer.Step(() =>
        {
            w.Gradient = new double[] { 2 * array[0], 2 * array[1] };
            return array[0] * array[0] + array[1] * array[1];
        });
        Assert.NotNull(optimizer.StateOf(again));
        Assert.Single(optimizer.StateDict().GetDict("state").Keys);

        using var averages = new AveragedParameters([w]);
        averages.Update();
        using var others = new AveragedParameters([again]);
        using (averages.SwapIn())
            Assert.Contains("swapped into", Assert.Throws<InvalidOperationException>(others.Update).Message, StringComparison.Ordinal);
        others.Update();
    }

    [Fact]
    public void Memory_that_two_parameters_share_in_part_is_refused_by_both_names()
    {
        float[] array = new float[12];
        Refused(Parameter.Of("a", array), Parameter.Of("b", array.AsMemory(3, 4)));
        Refused(Parameter.Of("a", array.AsMemory(0, 5)), Parameter.Of("b", array.AsMemory(4, 4)));
        Refused(Parameter.Of("a", array), Parameter.Of("b", array.AsMemory(0, 11)));
        Apart(Parameter.Of("a", array.AsMemory(0, 5)), Parameter.Of("b", array.AsMemory(5)));

        using var manager = new Native(12);
        Refused(Parameter.Of("a", manager.Memory), Parameter.Of("b", manager.Memory[2..]));
        Refused(Parameter.Of("a", manager.Memory), Parameter.Of("b", (float*)manager.Start + 11, 1)); // also when only one knows whose it is
        Refused(Parameter.Of("a", manager.Memory), Parameter.Of("b", (Half*)manager.Start + 5, 1));
        Apart(Parameter.Of("a", manager.Memory), Parameter.Of("b", (float*)manager.Start + 12, 1));
    }

    static void Refused(Parameter a, Parameter b)
    {
        string message = $"Parameters {a} and {b} share memory, but are not the same tensor";
        var other = Parameter.Of("other", new float[1]);
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => new SGD([a, other, b]).Dispose()).Message, StringComparison.Ordinal);
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => new SGD([new([a, other]), new([b])]).Dispose()).Message, StringComparison.Ordinal);
        using var optimizer = new SGD([a, other]);
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(() => optimizer.AddParameterGroup(new([b]))).Message, StringComparison.Ordinal);
        Assert.Single(optimizer.ParameterGroups);
    }

    static void Apart(Parameter a, Parameter b) => new SGD([new([a]), new([b])]).Dispose();

    [Fact]
    public void A_group_that_was_refused_can_be_given_again()
    {
        float[] array = new float[4];
        var group = new ParameterGroup<SGDOptions>([Parameter.Of("b", array.AsMemory(1))]);
        Assert.Throws<ArgumentException>(() => new SGD([new([Parameter.Of("a", array)]), group]).Dispose());
        using var optimizer = new SGD([group]);
        Assert.Same(group, optimizer.ParameterGroups[0]);
    }

    [Fact]
    public void Parameters_without_elements_are_each_one_of_its_own()
    {
        using var optimizer = new SGD([Parameter.Of("a", Array.Empty<float>()), Parameter.Of("b", Array.Empty<float>()), Parameter.Of("c", Memory<float>.Empty)]);
        optimizer.Step();
    }

    [Fact]
    public void Many_parameters_side_by_side_are_told_apart_quickly()
    {
        float[] array = new float[200_000];
        Parameter[] parameters = [.. Enumerable.Range(0, 100_000).Select(i => Parameter.Of($"w{i}", array.AsMemory(2 * i, 2)))];
        using var optimizer = new SGD(parameters.Chunk(100).Select(chunk => new ParameterGroup<SGDOptions>(chunk)));
        Assert.Equal(1000, optimizer.ParameterGroups.Count);
    }

    /// <summary>Native memory that knows its place: it is no array.</summary>
    sealed class Native(int length) : MemoryManager<float>
    {
        public void* Start { get; } = NativeMemory.AllocZeroed((nuint)(length + 1) * sizeof(float)); // a number behind the end, to be told apart

        public override Span<float> GetSpan() => new(Start, length);

        public override MemoryHandle Pin(int elementIndex = 0) => new((float*)Start + elementIndex, pinnable: this);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing) => NativeMemory.Free(Start);
    }
}
