using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// A rule over matrices with a number for each row, column and matrix. A block of elements gets these numbers written out, one for each element, in the first-level cache; then
/// the rule runs over the block as over any other memory. So it does not matter how short rows are.
/// </summary>
unsafe struct AcrossLoop<T, TRule> : ILoopBody
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TRule : struct, IUpdateRule<T>
{
    const int Block = 512;

    public TRule Rule;
    public T* Param, Grad, OfRows, OfColumns, OfMatrices;
    public nint Rows, Columns;

    [SkipLocalsInit]
    public readonly void Run(nint first, nint last)
    {
        T* rows = stackalloc T[3 * Block], columns = rows + Block, matrices = columns + Block;
        while (first < last)
        {
            int count = (int)Math.Min(Block, last - first);
            nint row = first / Columns, column = first - row * Columns, matrix = row / Rows;
            for (int i = 0; i < count;)
            {
                int run = (int)Math.Min(Columns - column, count - i); // within one row
                new Span<T>(rows + i, run).Fill(OfRows[row]);
                new Span<T>(matrices + i, run).Fill(OfMatrices[matrix]);
                new Span<T>(OfColumns + matrix * Columns + column, run).CopyTo(new(columns + i, run));
                i += run;
                column += run;
                if (column < Columns)
                    continue;
                column = 0;
                if (++row % Rows == 0)
                    matrix++;
            }
            var at = new Streams
            {
                Param = (byte*)(Param + first),
                Grad = (byte*)(Grad + first),
                S0 = (byte*)rows,
                S1 = (byte*)columns,
                S2 = (byte*)matrices,
            };
            ElementwiseKernel<TRule, T>.Run<On>(Rule, at, count, Execution.UsesWideLanes);
            first += count;
        }
    }
}
