using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>The parameters of a group that are in this step, because they have a gradient, and that are computed in <typeparamref name="T"/>.</summary>
/// <typeparam name="T">The type computed in: float or double.</typeparam>
public readonly ref struct GroupStep<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly StepContext context;
    readonly int group;

    internal GroupStep(StepContext context, int group)
    {
        this.context = context;
        this.group = group;
    }

    /// <summary>The numbers that the optimizer keeps for the group.</summary>
    public GroupNumbers Numbers => context.NumbersOf(group);

    /// <summary>The numbers that all groups share: the same in each, also in those without a gradient in this step.</summary>
    public SharedNumbers SharedNumbers => context.SharedNumbers;

    /// <summary>
    /// The 2-norm of the gradients of all parameters in this step, in all groups: of the gradients that rules will see, so after what a <see cref="TrainingStep"/> does to them. For
    /// rules that need it before their averages; the engine goes over the gradients once more, when it is first asked for in a step.
    /// </summary>
    /// <remarks>Added in double precision and in one order: the same bits whatever the number of threads.</remarks>
    public double GradientNorm() => context.GradientNorm();

    /// <inheritdoc cref="ParameterStep{T}.Power"/>
    public double Power(double x, double y) => context.Powers[x, y];

    /// <summary>Goes through the parameters: <c>foreach (var x in group)</c>.</summary>
    public Enumerator GetEnumerator() => new(context, group);

    /// <summary>Goes through the parameters.</summary>
    public ref struct Enumerator
    {
        readonly StepContext context;
        readonly int last;
        int i;

        internal Enumerator(StepContext context, int group)
        {
            this.context = context;
            (i, last) = context.Range(group);
            i--;
        }

        /// <summary>The parameter.</summary>
        public readonly ParameterStep<T> Current => new(context, ref context[i]);

        /// <summary>Goes to the next one, if there is one.</summary>
        public bool MoveNext()
        {
            while (++i < last)
            {
                ref var entry = ref context[i];
                if (entry.Present && entry.Type.Compute() == Storage.Of<T>())
                    return true;
            }
            return false;
        }
    }
}
