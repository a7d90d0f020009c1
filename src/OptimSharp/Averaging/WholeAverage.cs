using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>
/// Averages of whole numbers (a model's counts), as PyTorch takes them: in float, and then cut off to a whole number. Bools are copied.
/// </summary>
static unsafe class WholeAverage
{
    /// <param name="model">A parameter of whole numbers.</param>
    /// <param name="average">Its average, of the same type, in host memory.</param>
    /// <param name="step">How the model enters.</param>
    [SkipLocalsInit]
    public static void Update(Parameter model, HostTensor average, AverageStep step)
    {
        if (step == AverageStep.Copy || average.Type == ElementType.Bool || average.Numbers == 0)
        {
            model.CopyTo(average);
            return;
        }
        const int Few = 64;
        int count = checked((int)average.Numbers);
        Span<double> numbers = count <= Few ? stackalloc double[count] : new double[count], current = count <= Few ? stackalloc double[count] : new double[count];
        average.CopyTo(numbers);
        Read(model, current);
        for (int i = 0; i < count; i++)
        {
            numbers[i] = step.Divisor != 0
                ? (float)numbers[i] + (float)(current[i] - numbers[i]) / (float)step.Divisor
                : (float)numbers[i] * (float)(1 - step.Weight) + (float)current[i] * (float)step.Weight;
        }
        Write(numbers, average);
        GC.KeepAlive(average);
    }

    static void Read(Parameter model, Span<double> to)
    {
        fixed (double* numbers = to)
            model.Read(numbers, ofGradient: false);
    }

    static void Write(ReadOnlySpan<double> from, HostTensor to)
    {
        for (int i = 0; i < from.Length; i++)
        {
            long whole = (long)from[i]; // towards zero
            switch (to.Type)
            {
                case ElementType.UInt8: ((byte*)to.Start)[i] = unchecked((byte)whole); break;
                case ElementType.Int8: ((sbyte*)to.Start)[i] = unchecked((sbyte)whole); break;
                case ElementType.Int16 or ElementType.UInt16: ((short*)to.Start)[i] = unchecked((short)whole); break;
                case ElementType.Int32 or ElementType.UInt32: ((int*)to.Start)[i] = unchecked((int)whole); break;
                default: ((long*)to.Start)[i] = whole; break;
            }
        }
    }
}
