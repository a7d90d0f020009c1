using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda;

// What is kept of a rule that measures until it has its sums: others are added to the launches at once.
internal sealed partial class CudaStep
{
    /// <summary>A parameter whose rule measures.</summary>
    public abstract class Item
    {
        protected abstract DeviceTarget Target { get; }

        /// <summary>What the memory that it needs depends on; beside the rule's options, which seldom change.</summary>
        public (Type Kind, KernelTypes Types, long Count, long RowSize) Kind => (GetType(), Target.Types, Target.At.Count, Target.RowSize);

        /// <summary>Adds what is to be measured.</summary>
        public abstract void AddMeasured(CudaLaunches launches);

        /// <summary>Adds the update, when the rule has its sums.</summary>
        public abstract void Add(CudaLaunches launches);

        /// <summary>Adds the update as if the rule had its sums, to see what memory it needs.</summary>
        public virtual void Try(CudaLaunches launches) => Add(launches);

        /// <summary>Lets go of what it was told.</summary>
        public abstract void Clear();
    }

    /// <summary>A rule that measures the whole parameter.</summary>
    public sealed class Measured<TRule, T> : Item, IMeasured
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        readonly List<(MeasuredTensor Tensor, bool BeginsChunk)> pieces = []; // of some rows only
        MeasuredTensor whole;
        CudaStep step = null!;
        DeviceTarget target;
        TRule rule;

        public void Describe(CudaStep step, in TRule rule, in DeviceTarget target) => (this.step, this.rule, this.target) = (step, rule, target);

        public override void Clear() => (rule, target, whole) = (default, default, default);

        protected override DeviceTarget Target => target;

        public override void AddMeasured(CudaLaunches launches)
        {
            if (target.Rows is null)
            {
                whole = Add(target.At);
                return;
            }
            pieces.Clear();
            const long Chunk = GradientChunk.Size;
            for (long first = 0, count; first < target.At.Count; first += count) // of the rows put together, chunks are cut, and where a row ends
            {
                long column = first % target.RowSize;
                count = Math.Min(Math.Min(target.RowSize - column, Chunk - first % Chunk), target.At.Count - first);
                pieces.Add((Add(target.Row((int)(first / target.RowSize), column, count)), first % Chunk == 0));
            }

            MeasuredTensor Add(in Places at) => launches.AddMeasured<TRule, T>(rule, at, target.Types, Gathering.Sum, Block);
        }

        public void Measure(Span<double> sums)
        {
            step.Measure();
            for (int k = 0; k < TRule.Sums; k++)
                sums[k] = target.Rows is null ? whole.Sum(k) : SumOf(pieces, k);
        }

        static double SumOf(List<(MeasuredTensor Tensor, bool BeginsChunk)> pieces, int sum)
        {
            double total = 0, chunk = 0;
            foreach (var (tensor, beginsChunk) in pieces)
            {
                if (beginsChunk)
                    (total, chunk) = (total + chunk, 0);
                chunk = tensor.AddTo(chunk, sum);
            }
            return total + chunk;
        }

        public void Take(ReadOnlySpan<double> own, ReadOnlySpan<double> all) => rule.Take(new(own[..TRule.Sums], all[..TRule.Sums], target.At.Count));

        public override void Add(CudaLaunches launches) => launches.Add<TRule, T>(rule, target);
    }

    /// <summary>A rule that measures each row.</summary>
    public sealed class ByRow<TRule, T> : Item
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        MeasuredTensor[] tensors = []; // one a row, and more
        DeviceTarget target;
        TRule rule;

        public void Describe(in TRule rule, in DeviceTarget target)
        {
            (this.rule, this.target) = (rule, target);
            if (tensors.Length < target.RowCount)
                tensors = new MeasuredTensor[target.RowCount];
        }

        public override void Clear() => (rule, target) = (default, default);

        protected override DeviceTarget Target => target;

        public override void Try(CudaLaunches launches)
        {
            for (int row = 0; row < target.RowCount; row++)
                launches.Add<TRule, T>(rule, target.Row(row, 0, target.RowSize), target.Types);
        }

        public override void AddMeasured(CudaLaunches launches)
        {
            for (int row = 0; row < target.RowCount; row++)
                tensors[row] = launches.AddMeasured<TRule, T>(rule, target.Row(row, 0, target.RowSize), target.Types, Gathering.Sum, Block);
        }

        public override void Add(CudaLaunches launches)
        {
            Span<double> sums = stackalloc double[TRule.Sums];
            for (int row = 0; row < target.RowCount; row++)
            {
                for (int k = 0; k < sums.Length; k++)
                    sums[k] = tensors[row].AddTo(0, k);
                var own = rule;
                own.Take(new(sums, default, target.RowSize));
                launches.Add<TRule, T>(own, target.Row(row, 0, target.RowSize), target.Types);
            }
        }
    }
}
