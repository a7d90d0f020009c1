using CsCheck;
using OptimSharp.Engine;
using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>Whether views of one storage share elements, beside looking at each element of each.</summary>
public class OverlapTests
{
    const int Length = 24;

    /// <summary>A view of a storage of 24 numbers: where it begins, sizes, strides.</summary>
    static readonly Gen<(int Offset, int[] Shape, int[] Strides)> View =
        from offset in Gen.Int[0, Length - 1]
        from dimensions in Gen.Int[0, 3]
        from shape in Gen.Int[1, 4].Array[dimensions]
        from strides in Gen.Int[0, 8].Array[dimensions]
        where Elements((offset, shape, strides)).Max() < Length
        select (offset, shape, strides);

    static IEnumerable<int> Elements((int Offset, int[] Shape, int[] Strides) view)
    {
        IEnumerable<int> places = [view.Offset];
        foreach (var (size, stride) in view.Shape.Zip(view.Strides))
            places = places.SelectMany(place => Enumerable.Range(0, size).Select(i => place + i * stride));
        return places;
    }

    static bool SharesWithItself((int Offset, int[] Shape, int[] Strides) view) => Elements(view).Distinct().Count() < Elements(view).Count();

    static Tensor Make(Tensor storage, (int Offset, int[] Shape, int[] Strides) view) =>
        storage.as_strided([.. view.Shape.Select(x => (long)x)], [.. view.Strides.Select(x => (long)x)], view.Offset).requires_grad_();

    [Fact]
    public void A_view_that_shares_elements_with_itself_is_no_parameter() => View.Sample(view =>
    {
        using var scope = NewDisposeScope();
        var tensor = Make(zeros(Length), view);
        if (SharesWithItself(view))
            Assert.Contains("has elements that share their memory", Assert.Throws<ArgumentException>(() => tensor.AsParameter("w")).Message, StringComparison.Ordinal);
        else
            Assert.Equal(view.Shape.Select(x => (long)x), tensor.AsParameter("w").Shape.ToArray());
    }, iter: 3000, threads: 1);

    [Fact]
    public void It_finds_two_views_that_share_elements_when_there_are_two() => View.Where(view => !SharesWithItself(view)).Array[2, 5].Sample(views =>
    {
        using var scope = NewDisposeScope();
        var storage = zeros(Length);
        Parameter[] parameters = [.. views.Select((view, i) => Make(storage, view).AsParameter($"{i}"))];
        var sharing = from i in Enumerable.Range(0, views.Length)
                      from j in Enumerable.Range(i + 1, views.Length - i - 1)
                      where Elements(views[i]).Intersect(Elements(views[j])).Any()
                      select (parameters[i], parameters[j]);
        return MemoryOverlap.Find(parameters) is var (first, second) ? sharing.Contains((first, second)) : !sharing.Any();
    }, iter: 3000, threads: 1);
}
